import pyarrow as pa

from persona_assets import tables
from persona_assets.raw_events import crowd
from persona_assets.raw_events.crowd import sort_crowd


def batch_of(*rows):
    empty = dict.fromkeys(tables.RAW_EVENTS.names) | {"event_time_us": 7, "kind": "commit"}
    return pa.RecordBatch.from_pylist([empty | row for row in rows], schema=tables.RAW_EVENTS)


def test_rows_of_several_pieces_are_sorted_by_all_columns(tmp_path, monkeypatch):
    monkeypatch.setattr(crowd, "_BATCH_ROWS", 2)
    one = batch_of(*({"user_id": user, "collection": "x.y.z"} for user in "dbd"))
    other = batch_of(*({"user_id": user, "langs": ["en"]} for user in "dcad"))

    found = list(sort_crowd([one, other], scratch=tmp_path))

    rows = [row for table, _ in found for row in table.to_pylist()]
    assert [row["user_id"] for row in rows] == list("abcdddd")
    assert [row["collection"] for row in rows[3:]] == ["x.y.z", "x.y.z", None, None]
    assert sum(repeated for _, repeated in found) == 2
    assert {table.schema for table, _ in found} == {tables.RAW_EVENTS}
