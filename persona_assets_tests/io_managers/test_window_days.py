"""Stored days of a window, and the error for missing ones."""

import datetime as dt

import dagster as dg
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from upath import UPath

from persona_assets import tables
from persona_assets.errors import MissingPartitionError
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.io_managers.window_days import find_existing_paths, find_missing_assets, find_window_paths
from persona_assets.partitions import daily_partitions


@pytest.fixture
def context():
    return dg.build_input_context(asset_key=dg.AssetKey("clusters"))


@pytest.fixture
def window(tmp_path):
    """The paths of three unsorted days, of which the second is not stored."""
    paths = {day: UPath(tmp_path / f"{day}.parquet") for day in ("2025-03-03", "2025-03-01", "2025-03-02")}
    for day in ("2025-03-01", "2025-03-03"):
        paths[day].touch()
    return paths


def test_stored_days_are_sorted(context, window):
    assert [path.name for path in find_window_paths(context, window)] == ["2025-03-01.parquet", "2025-03-03.parquet"]


@pytest.fixture
def graph(tmp_path):
    """Four assets: `last` reads two that read `first`. Returns a function that runs some and returns the error."""
    days = daily_partitions(dt.date(2025, 3, 1))

    @dg.asset(partitions_def=days)
    def first():
        return tables.CLUSTERS.empty_table()

    @dg.asset(partitions_def=days)
    def left(first: pads.Dataset): ...

    @dg.asset(partitions_def=days)
    def right(first: pads.Dataset): ...

    @dg.asset(partitions_def=days)
    def last(left: pads.Dataset, right: pads.Dataset): ...

    def error_of(*selection, day="2025-03-02"):
        with pytest.raises(MissingPartitionError) as raised:
            dg.materialize(
                [first, left, right, last],
                selection=list(selection),
                partition_key=day,
                resources={"io_manager": ParquetIOManager(base=str(tmp_path))},
            )
        return str(raised.value)

    return error_of


def test_all_missing_assets_of_the_last_day_are_named_with_one_command(graph):
    assert graph("last") == (
        "first, left, right have not been materialized for 2025-03-02: "
        "run dg launch --assets first,left,right --partition 2025-03-02"
    )


def test_missing_inputs_of_later_steps_are_named_too(graph):
    assert graph("left", "last") == (
        "first, right have not been materialized for 2025-03-02: "
        "run dg launch --assets first,right --partition 2025-03-02"
    )


def test_stored_assets_are_not_in_the_command(graph, tmp_path):
    for made in ("first/2025-03-02.parquet", "left/2025-03-02", "right/2025-03-01.parquet"):
        (tmp_path / made).parent.mkdir(exist_ok=True)
        (tmp_path / made).touch()

    assert graph("last") == (
        "right has not been materialized for 2025-03-02: run dg launch --assets right --partition 2025-03-02"
    )


@pytest.fixture
def with_tables(tmp_path):
    """Assets without partitions, `history` and `names` of it, that a daily one reads beside a daily one.

    Returns a function that runs one of them and returns the error.
    """
    days = daily_partitions(dt.date(2025, 3, 1))

    @dg.asset(partitions_def=days)
    def daily(): ...

    @dg.asset
    def history(): ...

    @dg.asset
    def names(history: pads.Dataset): ...

    @dg.asset(partitions_def=days)
    def report(daily: pads.Dataset, history: pads.Dataset, names: pads.Dataset): ...

    def error_of(name, day=None):
        with pytest.raises(MissingPartitionError) as raised:
            dg.materialize(
                [daily, history, names, report],
                selection=[name],
                partition_key=day,
                resources={"io_manager": ParquetIOManager(base=str(tmp_path))},
            )
        return str(raised.value)

    return error_of


def test_missing_tables_of_all_days_are_named_with_one_command(with_tables, tmp_path):
    (tmp_path / "daily").mkdir()
    pq.write_table(tables.CLUSTERS.empty_table(), tmp_path / "daily" / "2025-03-02.parquet")

    assert with_tables("report", "2025-03-02") == (
        "history, names have not been materialized: run dg launch --assets history,names"
    )
    assert with_tables("names") == "history has not been materialized: run dg launch --assets history"


def test_missing_tables_of_all_days_are_named_beside_a_missing_day(with_tables):
    assert with_tables("report", "2025-03-02") == (
        "daily, history, names have not been materialized for 2025-03-02: "
        "run dg launch --assets daily,history,names --partition 2025-03-02"
    )


def test_missing_assets_are_distinct_and_in_topological_order():
    inputs_of = {"d": ["c", "b"], "c": ["a"], "b": ["a"], "a": []}.__getitem__

    assert find_missing_assets(["d"], inputs_of, lambda _: False) == ["a", "c", "b", "d"]
    assert find_missing_assets(["d", "b"], inputs_of, {"c"}.__contains__) == ["a", "b", "d"]
    assert find_missing_assets(["d"], inputs_of, {"d"}.__contains__) == []


def test_a_window_without_days_is_an_error(context):
    with pytest.raises(MissingPartitionError, match="clusters has not been materialized"):
        find_window_paths(context, {})


def test_all_stored_days_are_sorted(context, window):
    window["2025-03-03"].unlink()
    window["2025-03-02"].touch()

    assert [path.name for path in find_existing_paths(context, window)] == ["2025-03-01.parquet", "2025-03-02.parquet"]


@pytest.mark.parametrize("folder", ["there", "not there"])
def test_no_stored_day_is_an_error(context, tmp_path, folder):
    (tmp_path / "there").mkdir()

    with pytest.raises(MissingPartitionError, match="clusters has not been materialized for any day"):
        find_existing_paths(context, {"2025-03-01": UPath(tmp_path / folder / "2025-03-01.parquet")})
