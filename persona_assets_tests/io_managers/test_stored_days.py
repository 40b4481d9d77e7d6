"""Stored tables open outside of an asset's inputs, verified as inputs are."""

import datetime as dt

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.errors import MissingPartitionError, StorageError
from persona_assets.io_managers.parquet_tables import ParquetIOManager, WithSideTables
from persona_assets.io_managers.stored_days import list_stored_days, open_day, open_table_of_all_days
from persona_assets.partitions import daily_partitions

FIRST = dt.date(2025, 3, 1)
CENTRES = pa.Table.from_pylist([{"cluster_id": 0, "users": 1, "centre": [1.0, 0.0]}], schema=tables.centres_schema(2))


def clusters(*users):
    rows = [{"user_id": user, "cluster_id": 0, "similarity": 1.0} for user in users]
    return pa.Table.from_pylist(rows, schema=tables.CLUSTERS)


def store(base, day, table):
    @dg.asset(name="clusters", partitions_def=daily_partitions(FIRST))
    def made():
        return dg.MaterializeResult(value=WithSideTables(table, {"cluster_centres": CENTRES}))

    resources = {"io_manager": ParquetIOManager(base=str(base))}
    assert dg.materialize([made], partition_key=day, resources=resources).success


def test_a_stored_day_opens_with_its_side_tables_outside_of_a_run(tmp_path):
    store(tmp_path, "2025-03-01", clusters("a", "b"))

    opened = open_day(str(tmp_path), "clusters", FIRST, "cluster_centres")

    assert opened.main.to_table().equals(clusters("a", "b"))
    assert opened.side_tables["cluster_centres"].to_table()["users"].to_pylist() == [1]
    with pytest.raises(MissingPartitionError, match="clusters has not been materialized for 2025-03-02"):
        open_day(str(tmp_path), "clusters", dt.date(2025, 3, 2))


def test_a_side_table_of_another_main_table_is_refused_outside_of_a_run(tmp_path):
    for day, users in (("2025-03-01", ("a", "b")), ("2025-03-02", ("c",))):
        store(tmp_path, day, clusters(*users))
    (tmp_path / "clusters" / "2025-03-02.parquet").replace(tmp_path / "clusters" / "2025-03-01.parquet")

    with pytest.raises(StorageError, match="belongs to another table"):
        open_day(str(tmp_path), "clusters", FIRST, "cluster_centres")


def test_a_table_of_all_days_opens_outside_of_a_run_if_it_is_stored(tmp_path):
    assert open_table_of_all_days(str(tmp_path), "lineage") is None
    pq.write_table(tables.LINEAGE.empty_table(), tmp_path / "lineage.parquet")
    opened = open_table_of_all_days(str(tmp_path), "lineage")
    assert opened is not None
    assert opened.schema.equals(tables.LINEAGE)


def test_stored_days_are_listed_in_order_without_temporary_files(tmp_path):
    assert list_stored_days(str(tmp_path), "clusters") == []
    (tmp_path / "clusters").mkdir()
    for name in ("2025-03-02.parquet", "2025-03-01.parquet", ".2025-03-03.parquet"):
        (tmp_path / "clusters" / name).touch()

    assert list_stored_days(str(tmp_path), "clusters") == [dt.date(2025, 3, 1), dt.date(2025, 3, 2)]
