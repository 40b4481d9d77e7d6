import numpy as np
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets.user_actions.fold import find_repeats
from persona_assets_tests.user_actions.builders import LIKE, commit, table_of


@pytest.fixture(params=["no file", "one file", "two files"])
def repeats(request, tmp_path):
    """Find repeats among events that lie where they may lie."""
    scratch, day = tmp_path / "scratch", tmp_path / "day"
    scratch.mkdir()
    day.mkdir()

    def find(events):
        table = table_of(events)
        if request.param == "no file":
            return find_repeats(pads.dataset(table), memory_limit="256MB", scratch=scratch)
        half = len(table) if request.param == "one file" else len(table) // 2
        for name, part in {"a": table.slice(0, half), "b": table.slice(half)}.items():
            if name == "a" or request.param == "two files":
                pq.write_table(part, day / f"{name}.parquet", row_group_size=2)
        return find_repeats(pads.dataset(day), memory_limit="256MB", scratch=scratch)

    return find


def test_all_but_the_first_telling_are_found_by_their_place(repeats):
    one, other = commit(LIKE), commit(LIKE)

    found = repeats([one, other, one | {"event_time_us": 9}, commit(LIKE), one, other])

    assert found.tolist() == [2, 4, 5]
    assert found.dtype == np.int64


def test_none_are_found_among_events_that_differ(repeats):
    assert repeats([commit(LIKE) for _ in range(5)]).tolist() == []


def test_none_are_found_among_no_events(repeats):
    assert repeats([]).tolist() == []
