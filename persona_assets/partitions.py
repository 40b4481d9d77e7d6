"""The daily partitions, and the window of days from which the personas of a day are made.

Partitions are UTC days. The window of a day is that day and the `window_days` - 1 days before it, without days before
the first day of the graph.
"""

import datetime as dt

import dagster as dg

DAY_FORMAT = "%Y-%m-%d"


def daily_partitions(
    start_date: dt.date, end_date: dt.date | None = None, *, include_today: bool = False
) -> dg.DailyPartitionsDefinition:
    """Return the graph's partitions: one per UTC day, from `start_date` to `end_date` inclusive.

    A day becomes a partition when it has ended; with `include_today`, when it begins. Without an `end_date`, or before
    it, the last partition is therefore yesterday or today.
    """
    end = end_date and (end_date + dt.timedelta(days=1)).strftime(DAY_FORMAT)  # Dagster's end date is exclusive
    return dg.DailyPartitionsDefinition(
        start_date=start_date.strftime(DAY_FORMAT), end_date=end, timezone="UTC", end_offset=int(include_today)
    )


def parse_day(partition_key: str) -> dt.date:
    """Return the date of a partition key, such as "2025-03-01"."""
    return dt.datetime.strptime(partition_key, DAY_FORMAT).replace(tzinfo=dt.UTC).date()


def trailing_window(window_days: int) -> dg.TimeWindowPartitionMapping:
    """Return the partition mapping from a day to the `window_days` days that end with it.

    The length of the window is part of the mapping and not of a run's config, so that the lineage in the UI is correct.
    Days before the first partition are left out without an error.
    """
    return dg.TimeWindowPartitionMapping(start_offset=-(window_days - 1))


def list_window_days(
    day: str, days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping | None = None
) -> list[str]:
    """Return the partition keys of the window that ends with `day`, ascending; [`day`] if `window` is None."""
    last, offset = parse_day(day), window.start_offset if window else 0
    window_days = [last + dt.timedelta(number) for number in range(offset, 1)]
    return [window_day.strftime(DAY_FORMAT) for window_day in window_days if window_day >= days.start.date()]
