import pyarrow as pa
import pytest

from persona_assets import tables
from persona_assets.assets.user_actions import action_streams
from persona_assets.assets.user_actions.action_streams import ActionStreams
from persona_assets.assets.user_actions.classify import find_action_codes, select_action_events
from persona_assets.common.columns import require_schema
from persona_assets_tests.assets.user_actions.builders import LIKE, POST, commit, table_of


@pytest.mark.parametrize("rows_per_stream", [1, 1000])
def test_actions_are_read_back_sorted_by_type(tmp_path, monkeypatch, rows_per_stream):
    monkeypatch.setattr(action_streams, "_ROWS_PER_STREAM", rows_per_stream)
    streams = ActionStreams(tmp_path)
    for rkey in "12":
        (batch,) = table_of([commit(LIKE, rkey=rkey), commit(POST, rkey=rkey)]).combine_chunks().to_batches()
        streams.write(select_action_events(batch, find_action_codes(batch)))

    rows = pa.concat_tables(streams.read_by_type())

    require_schema(rows.schema, tables.USER_ACTIONS, table="user_actions")
    assert [(row["action"], row["uri"][-1]) for row in rows.to_pylist()] == [
        ("like", "1"),
        ("like", "2"),
        ("post", "1"),
        ("post", "2"),
    ]
    assert list(tmp_path.iterdir()) == []
