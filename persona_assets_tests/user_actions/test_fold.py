import numpy as np
import pyarrow.dataset as pads

from persona_assets.user_actions.fold import find_repeats
from persona_assets_tests.user_actions.builders import LIKE, commit, table_of


def repeats(events, scratch):
    return find_repeats(pads.dataset(table_of(events)), memory_limit="256MB", scratch=scratch)


def test_all_but_the_first_telling_are_found_by_their_place(tmp_path):
    one, other = commit(LIKE), commit(LIKE)

    found = repeats([one, other, one | {"event_time_us": 9}, commit(LIKE), one, other], tmp_path)

    assert found.tolist() == [2, 4, 5]
    assert found.dtype == np.int64


def test_none_are_found_among_events_that_differ(tmp_path):
    assert repeats([commit(LIKE) for _ in range(5)], tmp_path).tolist() == []
    assert repeats([], tmp_path).tolist() == []
