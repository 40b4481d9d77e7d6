"""Daily partitions and windows."""

import datetime as dt

import dagster as dg
import pytest

from persona_assets.partitions import daily_partitions, list_window_days, parse_day, trailing_window


def test_a_partition_key_is_parsed_to_its_date():
    assert parse_day("2025-03-01") == dt.date(2025, 3, 1)


def upstream_of(day: str, *, window_days: int) -> list[str]:
    days = daily_partitions(dt.date(2025, 3, 1))
    mapping = trailing_window(window_days)
    subset = days.empty_subset().with_partition_keys([day])
    with dg.partition_loading_context():
        mapped = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, days, days)
    return sorted(mapped.partitions_subset.get_partition_keys())


@pytest.mark.parametrize(
    ("day", "window_days", "expected"),
    [
        ("2025-03-16", 3, ["2025-03-14", "2025-03-15", "2025-03-16"]),
        ("2025-03-16", 1, ["2025-03-16"]),
        ("2025-03-02", 7, ["2025-03-01", "2025-03-02"]),
        ("2025-03-01", 366, ["2025-03-01"]),
    ],
)
def test_a_window_ends_at_its_day_and_is_clipped_at_the_first(day, window_days, expected):
    assert upstream_of(day, window_days=window_days) == expected
    assert list_window_days(day, daily_partitions(dt.date(2025, 3, 1)), trailing_window(window_days)) == expected


def test_without_a_window_the_only_day_is_the_given_one():
    assert list_window_days("2025-03-16", daily_partitions(dt.date(2025, 3, 1))) == ["2025-03-16"]


def test_partitions_start_at_the_start_date():
    assert daily_partitions(dt.date(2024, 11, 5)).get_first_partition_key() == "2024-11-05"


def test_partitions_end_with_the_end_date():
    days = daily_partitions(dt.date(2025, 2, 27), dt.date(2025, 3, 1))

    assert days.get_partition_keys() == ["2025-02-27", "2025-02-28", "2025-03-01"]


@pytest.mark.parametrize("end_date", [None, dt.date(2025, 3, 31)])
def test_days_that_have_not_ended_are_not_partitions(end_date):
    days = daily_partitions(dt.date(2025, 3, 1), end_date)

    with dg.partition_loading_context(dt.datetime(2025, 3, 4, 12, tzinfo=dt.UTC)):
        assert days.get_partition_keys() == ["2025-03-01", "2025-03-02", "2025-03-03"]
