"""The bytes of a Parquet file depend only on its rows and their order."""

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.common.parquet_files import ROW_GROUP_ROWS, write_parquet


def test_the_bytes_do_not_depend_on_the_batches(tmp_path):
    rows = [
        {"cluster_id": n % 7, "action": tables.ACTIONS[n // 7 % 9], "outcome": f"o{n}", "actions": n}
        for n in range(300_000)
    ]
    schema = tables.ACTION_ACCOUNTING
    whole = pa.Table.from_pylist(rows, schema=schema)
    pieces = [pa.Table.from_pylist(rows[start : start + 7_001], schema=schema) for start in range(0, 300_000, 7_001)]

    write_parquet(tmp_path / "whole", schema, [whole])
    rows = write_parquet(tmp_path / "pieces", schema, pieces)
    write_parquet(tmp_path / "ahead", schema, iter(pieces), prefetch_groups=True)

    assert rows == 300_000
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "pieces").read_bytes() == (tmp_path / "ahead").read_bytes()


@pytest.mark.parametrize("prefetch_groups", [False, True])
def test_day_is_the_last_column_and_takes_little_space(tmp_path, prefetch_groups):
    row = {"user_id": "u", "cluster_id": 0, "similarity": 1.0}
    table = pa.Table.from_pylist([row] * (2 * ROW_GROUP_ROWS + 1), schema=tables.CLUSTERS)
    day = dt.date(2025, 3, 1)

    write_parquet(tmp_path / "with", tables.CLUSTERS, [table], day_column=day, prefetch_groups=prefetch_groups)

    assert pq.read_table(tmp_path / "with").equals(tables.add_day_column(table, day))
    assert pq.read_schema(tmp_path / "with").equals(tables.add_day_field(tables.CLUSTERS))
    groups = pq.read_metadata(tmp_path / "with")
    days = [groups.row_group(number).column(3) for number in range(3)]
    assert {(column.statistics.min, column.statistics.max) for column in days} == {(day, day)}
    assert max(column.total_compressed_size for column in days) < 1000


def test_an_error_in_the_prefetching_thread_is_raised(tmp_path):
    def pieces():
        yield pa.Table.from_pylist([], schema=tables.CLUSTERS)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write_parquet(tmp_path / "file", tables.CLUSTERS, pieces(), prefetch_groups=True)


def test_row_groups_have_equal_numbers_of_rows(tmp_path):
    table = pa.table({"n": pa.array(range(2 * ROW_GROUP_ROWS + 1), pa.int64())})

    write_parquet(tmp_path / "file", table.schema, table.to_batches(max_chunksize=ROW_GROUP_ROWS - 1))

    metadata = pq.read_metadata(tmp_path / "file")
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [ROW_GROUP_ROWS] * 2 + [1]


def test_the_size_of_row_groups_is_a_parameter(tmp_path):
    table = pa.table({"n": pa.array(range(25), pa.int64())})

    write_parquet(tmp_path / "file", table.schema, [table], max_group_rows=10)

    metadata = pq.read_metadata(tmp_path / "file")
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [10, 10, 5]


def test_row_groups_of_long_rows_have_fewer_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("persona_assets.common.parquet_files._MAX_GROUP_BYTES", 100)
    lengths = [40, 40, 20, 1, 99, 1, 500, 0, None, 100, 100]
    table = pa.table({"s": pa.array([None if n is None else "x" * n for n in lengths], pa.string())})

    for size in (1, 2, 3, 11):
        write_parquet(tmp_path / f"{size}", table.schema, table.to_batches(max_chunksize=size), max_group_rows=4)

    metadata = pq.read_metadata(tmp_path / "1")
    groups = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert groups == [3, 2, 1, 1, 3, 1]
    assert pq.read_table(tmp_path / "1") == table
    assert len({(tmp_path / f"{size}").read_bytes() for size in (1, 2, 3, 11)}) == 1


def test_an_empty_table_is_a_valid_file(tmp_path):
    assert write_parquet(tmp_path / "file", tables.CLUSTERS, []) == 0
    assert pq.read_table(tmp_path / "file").schema == tables.CLUSTERS
