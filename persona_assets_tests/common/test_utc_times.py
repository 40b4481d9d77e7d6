"""Instants as microseconds: their text, and the range of a day."""

import datetime as dt

import pytest

from persona_assets.common.utc_times import DAY_US, find_day_range, format_time

DAY = dt.date(2025, 3, 1)
MIDNIGHT = 1_740_873_600_000_000  # 2025-03-02


def test_times_are_written_as_utc():
    assert format_time(MIDNIGHT) == "2025-03-02T00:00:00.000000Z"
    with pytest.raises(OverflowError):
        format_time(10**18)


def test_a_day_is_from_midnight_to_midnight_utc():
    start, end = find_day_range(DAY)

    assert dt.datetime.fromtimestamp(start / 1e6, dt.UTC).isoformat() == "2025-03-01T00:00:00+00:00"
    assert end - start == DAY_US == 86_400 * 1_000_000
    assert find_day_range(DAY + dt.timedelta(1)).start_us == end == MIDNIGHT
