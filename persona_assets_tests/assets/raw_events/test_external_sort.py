import tempfile
from pathlib import Path

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.assets.raw_events import external_sort
from persona_assets.assets.raw_events.external_sort import sort_and_count_repeats
from persona_assets.assets.raw_events.tie_break import make_sort_keys


def batch_of(*rows):
    empty = dict.fromkeys(tables.RAW_EVENTS.names) | {"event_time_us": 7, "kind": "commit"}
    return pa.RecordBatch.from_pylist([empty | row for row in rows], schema=tables.RAW_EVENTS)


def test_rows_of_several_pieces_are_sorted_by_all_columns(tmp_path, monkeypatch):
    monkeypatch.setattr(external_sort, "_BATCH_ROWS", 2)
    one = batch_of(*({"user_id": user, "collection": "x.y.z"} for user in "dbd"))
    other = batch_of(*({"user_id": user, "langs": ["en"]} for user in "dcad"))

    found = list(sort_and_count_repeats([one, other], scratch=tmp_path))

    rows = [row for table, _ in found for row in table.to_pylist()]
    assert [row["user_id"] for row in rows] == list("abcdddd")
    assert [row["collection"] for row in rows[3:]] == ["x.y.z", "x.y.z", None, None]
    assert sum(repeated for _, repeated in found) == 2
    assert {table.schema for table, _ in found} == {tables.RAW_EVENTS}


_TEXTS = st.none() | st.text(alphabet="\0\1\2a\x7fé\U0001f600", max_size=3)
_LISTS = st.none() | st.lists(_TEXTS.filter(lambda text: text is not None), max_size=3)


@example([{"langs": langs, "text": "", "account_active": None} for langs in (["a\0"], ["a"], ["a", "b"])])
@given(st.lists(st.fixed_dictionaries({"langs": _LISTS, "text": _TEXTS, "account_active": st.none() | st.booleans()})))
def test_sorting_on_disk_gives_the_order_of_sorting_in_memory(rows):
    batch = batch_of(*({"user_id": "a"} | row for row in rows))
    with tempfile.TemporaryDirectory() as scratch:
        found = [
            row for table, _ in sort_and_count_repeats([batch], scratch=Path(scratch)) for row in table.to_pylist()
        ]

    keys = make_sort_keys(pa.Table.from_batches([batch]))
    order = keys.append_column("at", pa.array(range(len(keys)), pa.int64())).sort_by(
        [(name, "ascending") for name in keys.column_names]
    )
    assert found == batch.take(order["at"].combine_chunks()).to_pylist()
