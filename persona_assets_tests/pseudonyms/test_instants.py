"""Instants become coarse or relative, and nothing finer is left of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.common.utc_times import DAY_US, HOUR_US
from persona_assets.pseudonyms.instants import coarsen_instants, elapsed_since_group_start

TIMES = st.lists(st.integers(-(2**55), 2**55), max_size=30)


@given(TIMES, st.sampled_from([1, 1000, HOUR_US, DAY_US]))
def test_coarse_instants_are_whole_units_at_most_one_unit_before(times, unit):
    given_times = np.array(times, dtype=np.int64)
    coarse = coarsen_instants(given_times, unit)

    assert (coarse % unit == 0).all()
    assert ((given_times - coarse >= 0) & (given_times - coarse < unit)).all()


def test_relative_instants_count_from_the_first_of_their_group():
    times = np.array([DAY_US + 5, DAY_US + 2 * HOUR_US + 6, 7, 3 * HOUR_US], dtype=np.int64)
    groups = np.array([-4, -4, 9, 9])

    assert elapsed_since_group_start(times, groups, HOUR_US).tolist() == [0, 2, 0, 2]


@given(TIMES, st.integers(-(2**40), 2**40))
def test_relative_instants_do_not_tell_when_a_group_began(times, moved):
    given_times = np.array(times, dtype=np.int64)
    groups = np.arange(len(times)) % 3

    assert (
        elapsed_since_group_start(given_times, groups).tolist()
        == elapsed_since_group_start(given_times + moved, groups).tolist()
    )


def test_impossible_units_and_groups_are_refused():
    none = np.array([], dtype=np.int64)

    with pytest.raises(ValueError, match="unit|group|part|name|shorter"):
        coarsen_instants(none, 0)
    with pytest.raises(ValueError, match="unit|group|part|name|shorter"):
        elapsed_since_group_start(none, none, 0)
    with pytest.raises(ValueError, match="unit|group|part|name|shorter"):
        elapsed_since_group_start(none, np.array([1]))
    assert elapsed_since_group_start(none, none).tolist() == []
