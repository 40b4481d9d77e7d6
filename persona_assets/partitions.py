"""Days, and the window of days that a persona is made from.

Every asset has one partition a day, in UTC. An input "over the window" is the `window_days` days that end
at the partition's own day, clipped at the first day of the graph.
"""

import datetime as dt

import dagster as dg

DAY_FORMAT = "%Y-%m-%d"


def daily_partitions(start_date: dt.date, end_date: dt.date | None = None) -> dg.DailyPartitionsDefinition:
    """Return the graph's partitions: one a UTC day, from `start_date` to `end_date`, both included.

    A day is a partition once it has ended: without `end_date`, or before it, the last one is yesterday.
    """
    end = end_date and (end_date + dt.timedelta(days=1)).strftime(DAY_FORMAT)  # Dagster's is exclusive
    return dg.DailyPartitionsDefinition(start_date=start_date.strftime(DAY_FORMAT), end_date=end, timezone="UTC")


def parse_day(partition_key: str) -> dt.date:
    """Return the day of a partition."""
    return dt.datetime.strptime(partition_key, DAY_FORMAT).replace(tzinfo=dt.UTC).date()


def trailing_window(window_days: int) -> dg.TimeWindowPartitionMapping:
    """Return the mapping from a day to the `window_days` days that end at it, itself included.

    The mapping, not a run's config, says how long a window is: so the lineage that the UI draws is true.
    Days before the first partition are left out without an error.
    """
    return dg.TimeWindowPartitionMapping(start_offset=-(window_days - 1))


def days_of_window(
    day: str, days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping | None = None
) -> list[str]:
    """Return the days of the window that ends at `day`, in their order; without a window, the day alone."""
    last, offset = parse_day(day), window.start_offset if window else 0
    window_days = [last + dt.timedelta(number) for number in range(offset, 1)]
    return [one.strftime(DAY_FORMAT) for one in window_days if one >= days.start.date()]
