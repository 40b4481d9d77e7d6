"""Slices of time, one after the other, are the rows in the order of one sort."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.common.database import open_duckdb
from persona_assets.common.sorting_in_slices import sort_in_slices

ROWS = "SELECT event_time_us, name FROM given_rows"
TIMES = st.one_of(st.integers(-5, 5), st.integers(-(2**62), 2**62))


# Rows that are said to take this many bytes make one slice, and some slices.
@given(st.lists(st.tuples(TIMES, st.text(max_size=3)), max_size=30), st.sampled_from([1, 5_000_000]))
def test_rows_come_in_the_order_of_one_sort(tmp_path_factory, rows, row_bytes):
    times, names = [time for time, _ in rows], [name for _, name in rows]
    table = pa.table({"event_time_us": pa.array(times, pa.int64()), "name": pa.array(names, pa.string())})
    with open_duckdb(memory_limit="80MB", scratch=tmp_path_factory.getbasetemp()) as con:
        con.register("given_rows", table)

        batches = list(sort_in_slices(con, ROWS, then_by="name", row_bytes=row_bytes, batch_rows=7))

    found = [(row["event_time_us"], row["name"]) for batch in batches for row in batch.to_pylist()]
    assert found == sorted(rows, key=lambda row: (row[0], row[1].encode()))


def test_rows_beyond_the_memory_limit_are_sorted_without_spilling(tmp_path):
    rows = "SELECT hash(range) // 16 AS event_time_us, md5(range::VARCHAR) AS name FROM range(1_000_000)"
    with open_duckdb(memory_limit="80MB", scratch=tmp_path) as con:
        times = [
            time
            for batch in sort_in_slices(con, rows, then_by="name", row_bytes=150)
            for time in batch["event_time_us"].to_pylist()
        ]
        spilled = any(tmp_path.iterdir())

    assert len(times) == 1_000_000
    assert times == sorted(times)
    assert not spilled


@pytest.mark.parametrize("rows", [0, 50])
def test_rows_of_one_time_are_one_slice(tmp_path, rows):
    with open_duckdb(memory_limit="80MB", scratch=tmp_path) as con:
        con.register("given_rows", pa.table({"event_time_us": pa.array([3] * rows, pa.int64()), "name": range(rows)}))
        batches = list(sort_in_slices(con, ROWS, then_by="name", row_bytes=10**7))

    assert sum(len(batch) > 0 for batch in batches) <= 1
    assert [name for batch in batches for name in batch["name"].to_pylist()] == list(range(rows))
