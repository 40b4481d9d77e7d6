import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.dataset.periods import assign_periods
from persona_assets.errors import SplitError
from persona_assets_tests.assets.dataset.line_builders import HOUR_US

SHARES = np.array([0.8, 0.1, 0.1])


def test_lines_of_a_week_are_in_the_asked_shares_with_gaps_between() -> None:
    first = np.random.default_rng(1).integers(0, 168 * HOUR_US, 20_000)

    periods = assign_periods(first, first + HOUR_US // 2, SHARES, 6)

    inside = np.bincount(periods[periods >= 0])
    assert np.abs(inside / inside.sum() - SHARES).max() < 0.01
    assert (periods < 0).mean() < 0.1
    for earlier, later in ((0, 1), (1, 2)):
        gap = first[periods == later].min() - (first + HOUR_US // 2)[periods == earlier].max()
        assert 6 * HOUR_US <= gap < 7 * HOUR_US


@given(
    st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 10**11)), min_size=1, max_size=50),
    st.floats(0, 100),
)
def test_no_period_begins_before_the_gap_is_over(times, gap_hours) -> None:
    first = np.array([start for start, _ in times])
    last = first + np.array([length for _, length in times])
    try:
        periods = assign_periods(first, last, SHARES, gap_hours)
    except SplitError:
        return

    for earlier, later in ((0, 1), (1, 2)):
        assert first[periods == later].min() - last[periods == earlier].max() >= max(gap_hours * HOUR_US, 1)


def test_too_little_time_is_an_error_that_names_the_settings() -> None:
    with pytest.raises(SplitError, match="PERSONA_DATASET_GAP_HOURS"):
        assign_periods(np.arange(100) * HOUR_US // 10, np.arange(100) * HOUR_US // 10, SHARES, 24)


def test_no_lines_have_no_periods() -> None:
    assert assign_periods(np.empty(0, np.int64), np.empty(0, np.int64), SHARES, 24).tolist() == []
