import pyarrow.dataset as pads
import pytest

from persona_assets.assets.user_actions.event_order import is_sorted_by_all_columns, sort_by_all_columns
from persona_assets_tests.assets.user_actions.builders import event, table_of


def batch_of(events):
    (batch,) = table_of(events).combine_chunks().to_batches()
    return batch


@pytest.mark.parametrize(
    "events",
    [
        [event(event_time_us=1), event(event_time_us=2)],
        [event(user_id="a"), event(user_id="b")],
        [event(text="a"), event(text="a"), event(text=None)],
        [event(langs=["en"]), event(langs=["en", "de"]), event(langs=None)],
        [event(account_active=False), event(account_active=True), event()],
    ],
)
def test_sorted_rows_are_recognised_and_reversed_ones_are_not(events):
    events = [row | {"kind": "commit"} for row in events]

    assert is_sorted_by_all_columns(batch_of(events), None)
    assert not is_sorted_by_all_columns(batch_of(events[::-1]), None)
    assert is_sorted_by_all_columns(batch_of(events[1:]), batch_of(events[:1]))
    assert not is_sorted_by_all_columns(batch_of(events[:1]), batch_of(events[-1:]))


def test_unsorted_rows_are_sorted_by_all_columns(tmp_path):
    events = [event(kind="commit", event_time_us=time, text=text) for time in (2, 1) for text in (None, "b", "a")]

    found = sort_by_all_columns(pads.dataset(table_of(events)), memory_limit="256MB", scratch=tmp_path)

    assert is_sorted_by_all_columns(batch_of(found.to_table().to_pylist()), None)
    assert found.count_rows() == 6
