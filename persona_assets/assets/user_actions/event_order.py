"""Read events in order, test whether they are sorted by all columns, and sort them if they are not."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.common.bounded_scan import scan_bounded
from persona_assets.common.database import open_duckdb
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import count_rows_read, phase

_BATCH_ROWS = 32_768
_SORT = f"SELECT * FROM events ORDER BY {', '.join(tables.RAW_EVENTS.names)}"  # noqa: S608 - made of constants


def scan_in_order(raw_events: pads.Dataset, *, columns: list[str] | None = None) -> pads.Scanner:
    """Return a scanner that yields batches in row order: of 32,768 rows, about 10 MB with all columns."""
    return scan_bounded(raw_events, columns=columns, batch_rows=_BATCH_ROWS)


def is_sorted_by_all_columns(events: pa.RecordBatch, row_before: pa.RecordBatch | None) -> bool:
    """Return whether `events`, after the one row `row_before`, are sorted by all columns, nulls last.

    This is cheap, because times rarely repeat.

    Args:
        events: `tables.RAW_EVENTS`.
        row_before: The last row before `events`, as a batch of one row; None at the start.
    """
    table = pa.Table.from_batches([batch for batch in (row_before, events) if batch is not None])
    steps = np.diff(table["event_time_us"].to_numpy())
    if (steps < 0).any():
        return False
    same = np.flatnonzero(steps == 0)
    if not len(same):
        return True
    rows = np.unique(np.concatenate([same, same + 1]))
    keys = [_sort_key(row) for row in table.take(pa.array(rows)).to_pylist()]
    return all(one <= other for one, other in pairwise(keys))


def sort_by_all_columns(raw_events: pads.Dataset, *, memory_limit: str, scratch: Path) -> pads.Dataset:
    """Return `raw_events` sorted by all columns, nulls last, as a Parquet file in `scratch`."""
    where = scratch / "sorted.parquet"
    total = raw_events.count_rows()
    with (
        phase("sorting events", what="events", total=total) as rows,
        open_duckdb(memory_limit=memory_limit, scratch=scratch) as con,
    ):
        con.register("events", raw_events)
        batches = con.sql(_SORT).to_arrow_reader(100_000)
        typed = (pa.Table.from_batches([batch]).cast(tables.RAW_EVENTS) for batch in batches)
        write_parquet(where, tables.RAW_EVENTS, count_rows_read(typed, rows))
    return pads.dataset(where)


def _sort_key(row: dict[str, Any]) -> tuple[tuple[bool, Any], ...]:
    return tuple((value is None, 0 if value is None else value) for value in row.values())
