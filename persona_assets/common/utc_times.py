"""Instants as UTC microseconds since 1970, the unit of Jetstream: their text, and the range of a day."""

import datetime as dt
from typing import Final, NamedTuple

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class DayRange(NamedTuple):
    """The microseconds of a UTC day, [start_us, end_us)."""

    start_us: int
    end_us: int


def find_day_range(day: dt.date) -> DayRange:
    """Return the range of time of a UTC day."""
    start_us = (dt.datetime.combine(day, dt.time(), dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)
    return DayRange(start_us, start_us + DAY_US)


def format_time(time_us: int) -> str:
    """Return UTC microseconds as RFC 3339 with six digits.

    Raises:
        OverflowError: The instant is not in the years 1 to 9999.
    """
    return f"{(EPOCH + dt.timedelta(microseconds=time_us)).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
