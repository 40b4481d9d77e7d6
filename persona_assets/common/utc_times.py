"""Instants as UTC microseconds since 1970, the unit of Jetstream: their text, and the range of a day."""

import datetime as dt
from typing import Final, NamedTuple

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class DayRange(NamedTuple):
    """First microsecond of a UTC day, and first of the next: [start_us, end_us), in microseconds since 1970."""

    start_us: int
    end_us: int


def find_day_range(day: dt.date) -> DayRange:
    """Return the start of a UTC day and of the next one, in microseconds since 1970."""
    start_us = (dt.datetime.combine(day, dt.time(), dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)
    return DayRange(start_us, start_us + DAY_US)


def format_time(time_us: int) -> str:
    """Return microseconds since 1970 (UTC) as an RFC 3339 text with six decimals of the second.

    Raises:
        OverflowError: The instant is not in the years 1 to 9999.
    """
    return f"{(EPOCH + dt.timedelta(microseconds=time_us)).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
