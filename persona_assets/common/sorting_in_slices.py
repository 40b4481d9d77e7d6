"""Sort rows that are much larger than memory, a slice of time after the other.

DuckDB's own sort decides by an estimate whether it spills. Beside large tables it ran out of memory: the lines of 35
million events were sorted with a limit of 1 GB, and not with 1.4 GB. A slice is sorted in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import duckdb
import pyarrow as pa

from persona_assets.common.database import parse_bytes

# Share of the connection's memory limit that a slice takes.
_SLICE_SHARE = 1 / 4
_BATCH_ROWS = 100_000


def sort_in_slices(
    con: duckdb.DuckDBPyConnection, rows: str, *, then_by: str, row_bytes: int, batch_rows: int = _BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a query by `event_time_us`, and those of one time by other columns.

    The rows are read once for each slice. Rows of one time are never separated: if all have the same, there is one
    slice.

    Args:
        con: A connection that is not used for another query meanwhile; a cursor of its own may be.
        rows: A SELECT statement with the column `event_time_us`, which is never null, without ORDER BY.
        then_by: Columns as in ORDER BY.
        row_bytes: About the bytes of a row while it is sorted.
        batch_rows: Maximum rows of a batch.
    """
    (count,) = con.sql(f"SELECT count(*) FROM ({rows})").fetchall()[0]  # noqa: S608 - a query of this project
    for condition in _list_slices(con, rows, math.ceil(count * row_bytes / (_SLICE_SHARE * _read_limit(con)))):
        query = f"FROM ({rows}) WHERE {condition} ORDER BY event_time_us, {then_by}"
        yield from con.sql(query).to_arrow_reader(batch_rows)


def _list_slices(con: duckdb.DuckDBPyConnection, rows: str, slices: int) -> list[str]:
    """Return a condition for each slice; together they hold for each time once."""
    if slices <= 1:
        return ["true"]
    shares = [number / slices for number in range(1, slices)]
    quantiles = f"SELECT approx_quantile(event_time_us, {shares}) FROM ({rows})"  # noqa: S608 - the same
    (found,) = con.sql(quantiles).fetchall()[0]
    ends = sorted(set(found))
    between = [f"event_time_us > {first} AND event_time_us <= {last}" for first, last in pairwise(ends)]
    return [f"event_time_us <= {ends[0]}", *between, f"event_time_us > {ends[-1]}"]


def _read_limit(con: duckdb.DuckDBPyConnection) -> int:
    return parse_bytes(con.sql("SELECT current_setting('memory_limit')").fetchall()[0][0])
