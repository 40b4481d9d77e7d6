"""DuckDB stays within its memory and spills where it is told."""

from persona_assets.engine import open_duckdb


def test_a_sort_larger_than_its_memory_spills_and_is_right(tmp_path):
    # 2 million hashes of 32 characters are some 90 MB: more than the 40 MB allowed.
    query = "SELECT md5(range::VARCHAR) AS h FROM range(2_000_000) ORDER BY h"
    with open_duckdb(memory_limit="40MB", scratch=tmp_path) as connection:
        reader = connection.sql(query).to_arrow_reader(100_000)
        first = next(reader)["h"][0].as_py()
        spilled = any(tmp_path.iterdir())
        rows = 100_000 + sum(batch.num_rows for batch in reader)

    assert spilled
    assert rows == 2_000_000
    assert first.startswith("00000")


def test_spilled_files_are_gone_when_the_block_ends(tmp_path):
    with open_duckdb(memory_limit="40MB", scratch=tmp_path) as connection:
        connection.execute("CREATE TABLE t AS SELECT md5(range::VARCHAR) AS h FROM range(2_000_000)")

    assert list(tmp_path.iterdir()) == []
