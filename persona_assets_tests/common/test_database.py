"""DuckDB respects its memory limit, spills to scratch and reads any dataset."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets.common import database as engine
from persona_assets.common.database import (
    create_dataset_view,
    create_numbered_view,
    find_duplicate_values,
    lower_memory_limit,
    open_duckdb,
    parse_bytes,
    quote_parquet_paths,
    require_memory,
    share_of_duckdb,
)
from persona_assets.errors import MemoryLimitError, StorageError


@pytest.mark.parametrize(
    ("limit", "size", "share"),
    [
        ("40MB", 40_000_000, 40_000_000),
        ("1GB", 1_000_000_000, 752_000_000),
        ("1.5 GiB", 1_610_612_736, 1_159_075_157),
        ("4GB", 4_000_000_000, 3_488_000_000),
        ("1TiB", 2**40, 2**40 - 512_000_000),
    ],
)
def test_duckdb_leaves_a_part_of_the_limit_to_the_rest_of_the_process(tmp_path, limit, size, share):
    assert (parse_bytes(limit), share_of_duckdb(limit)) == (size, pytest.approx(share, abs=1))
    with open_duckdb(memory_limit=limit, scratch=tmp_path) as con:
        number, unit = con.sql("SELECT current_setting('memory_limit')").fetchall()[0][0].split()
        used = float(number) * 1024 ** ["bytes", "KiB", "MiB", "GiB", "TiB"].index(unit)
        assert used == pytest.approx(share, rel=0.1)


def test_what_a_step_has_beside_duckdb_is_taken_from_its_share():
    assert share_of_duckdb("4GB", bytes_beside=100_000_000) == share_of_duckdb("4GB")
    assert share_of_duckdb("4GB", bytes_beside=2_000_000_000) == 2_000_000_000


@pytest.mark.parametrize(("beside", "left"), [(0, 3_488_000_000), (2_000_000_000, 2 * 10**9), (9 * 10**9, 10**9)])
def test_more_of_the_limit_is_left_to_the_rest_of_the_process_on_demand(tmp_path, beside, left):
    with open_duckdb(memory_limit="4GB", scratch=tmp_path) as con:
        lower_memory_limit(con, "4GB", bytes_beside=beside)

        found = parse_bytes(con.sql("SELECT current_setting('memory_limit')").fetchall()[0][0])
    assert found == pytest.approx(left, rel=0.1)


def test_a_limit_that_cannot_hold_is_an_error_that_says_which_limit_does(tmp_path):
    with (
        pytest.raises(MemoryLimitError, match=r"needs 2\.0 GB .* may use 1GB: set PERSONA_MEMORY_LIMIT to 2\.7GB"),
        open_duckdb(memory_limit="1GB", scratch=tmp_path, bytes_beside=2_000_000_000),
    ):
        pass
    assert share_of_duckdb("2.7GB", bytes_beside=2_000_000_000) > 0


def test_what_needs_more_than_three_quarters_of_the_limit_is_refused_with_the_limit_that_does():
    require_memory(3_000_000_000, "4GB", what="the users")

    with pytest.raises(MemoryLimitError, match=r"3\.1 GB for the users, .* 4GB: set PERSONA_MEMORY_LIMIT to 4\.2GB"):
        require_memory(3_100_000_000, "4GB", what="the users")
    require_memory(3_100_000_000, "4.2GB", what="the users")
    require_memory(3_900_000_000, "4GB", what="the split", min_share=0)


def test_a_sort_beyond_the_memory_limit_spills_to_scratch(tmp_path):
    # 3 million hashes of 32 characters are about 135 MB, above the limit of 80 MB. With 40 MB the threads of a busy
    # machine sometimes had too few blocks to sort at all.
    query = "SELECT md5(range::VARCHAR) AS h FROM range(3_000_000) ORDER BY h"
    with open_duckdb(memory_limit="80MB", scratch=tmp_path) as connection:
        reader = connection.sql(query).to_arrow_reader(100_000)
        first = next(reader)["h"][0].as_py()
        spilled = any(tmp_path.iterdir())
        rows = 100_000 + sum(batch.num_rows for batch in reader)

    assert spilled
    assert rows == 3_000_000
    assert first.startswith("00000")


def test_rows_that_are_read_after_memory_ran_out_are_an_error_that_names_the_setting(tmp_path):
    def read():
        with open_duckdb(memory_limit="80MB", scratch=tmp_path):
            raise OSError("Out of Memory Error: failed to pin block of size 256.0 KiB")

    with pytest.raises(StorageError, match="PERSONA_MEMORY_LIMIT higher"):
        read()


def test_spilled_files_are_removed_when_the_block_ends(tmp_path):
    with open_duckdb(memory_limit="40MB", scratch=tmp_path) as connection:
        connection.execute("CREATE TABLE t AS SELECT md5(range::VARCHAR) AS h FROM range(2_000_000)")

    assert list(tmp_path.iterdir()) == []


def test_a_view_has_only_the_columns_of_its_dataset(tmp_path):
    pq.write_table(pa.table({"b": [1], "day": [2], "a": [3]}), tmp_path / "file.parquet")
    dataset = pads.dataset(tmp_path / "file.parquet", schema=pa.schema([("a", pa.int64()), ("b", pa.int64())]))

    with open_duckdb(memory_limit="100MB", scratch=tmp_path) as connection:
        create_dataset_view(connection, "view", dataset)
        found = connection.sql("SELECT * FROM view")

        assert (found.columns, found.fetchall()) == (["a", "b"], [(3, 1)])


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_duplicate_values_are_found_in_any_number_of_passes(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(engine, "_HASHES_PER_PASS", at_once)
    values = np.random.default_rng(1).integers(0, 60, 100).astype(np.uint64) * np.uint64(2**58 + 1)
    different, counts = np.unique(values, return_counts=True)

    with open_duckdb(memory_limit="1GB", scratch=tmp_path) as con:
        con.register("drawn", pa.table({"h": values}))
        assert find_duplicate_values(con, "drawn", "h").tolist() == different[counts > 1].tolist()


def test_an_empty_table_has_no_duplicate_values(tmp_path):
    with open_duckdb(memory_limit="1GB", scratch=tmp_path) as con:
        con.register("drawn", pa.table({"h": np.empty(0, np.uint64)}))
        assert find_duplicate_values(con, "drawn", "h").tolist() == []


@pytest.mark.parametrize("name", ["plain.parquet", "it's.parquet", "day[1]*.parquet"])
def test_datasets_with_special_characters_in_file_names_are_readable(tmp_path, name):
    pq.write_table(pa.table({"n": [3, 1]}), tmp_path / name)
    pq.write_table(pa.table({"n": [9]}), tmp_path / "day1x.parquet")
    dataset = pads.dataset(tmp_path / name)

    with open_duckdb(memory_limit="1GB", scratch=tmp_path) as con:
        create_dataset_view(con, "numbers", dataset)
        assert con.sql("SELECT n FROM numbers ORDER BY n").fetchall() == [(1,), (3,)]
    assert bool(quote_parquet_paths(dataset)) == ("[" not in name)


@pytest.mark.parametrize("names", [["plain.parquet"], ["day[1]*.parquet"], ["a.parquet", "b.parquet"]])
def test_rows_are_numbered_in_the_order_of_the_files(tmp_path, names):
    for name in (*names, "day1x.parquet"):
        pq.write_table(pa.table({"n": [3, 1], "day": [name, name]}), tmp_path / name, row_group_size=1)
    dataset = pads.dataset([str(tmp_path / name) for name in names])

    with open_duckdb(memory_limit="1GB", scratch=tmp_path) as con:
        create_numbered_view(con, "numbers", dataset, columns=["n"], number="place")
        found = con.sql("FROM numbers ORDER BY place")

        assert found.columns == ["n", "place"]
        assert found.fetchall() == [([3, 1][place % 2], place) for place in range(2 * len(names))]
