"""Read events in their order, tell whether that is the order of all their columns, and sort those that are not."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.common.database import open_duckdb
from persona_assets.common.parquet_files import write_parquet

_BATCH_ROWS = 32_768
_SORT = f"SELECT * FROM events ORDER BY {', '.join(tables.RAW_EVENTS.names)}"  # noqa: S608 - made of constants


def scan(raw_events: pads.Dataset, *, columns: list[str] | None = None) -> pads.Scanner:
    """Return a scanner that reads little ahead: half the memory of pyarrow's own way, and less time.

    Batches come in the order of the rows, 32,768 of them (some 10 MB with all columns) at a time.
    """
    unbuffered = pads.ParquetFragmentScanOptions(pre_buffer=False)
    return raw_events.scanner(
        columns=columns,
        batch_size=_BATCH_ROWS,
        batch_readahead=2,
        use_threads=False,  # else decoding runs ahead of a slower reader
        fragment_readahead=1,
        fragment_scan_options=unbuffered,
    )


def follows(events: pa.RecordBatch, before: pa.RecordBatch | None) -> bool:
    """Tell whether `events` are sorted and follow the row that is the last one before them, if any.

    By every column of `tables.RAW_EVENTS`, nulls last. Looking costs little: times hardly repeat.
    """
    table = pa.Table.from_batches([batch for batch in (before, events) if batch is not None])
    steps = np.diff(table["event_time_us"].to_numpy())
    if (steps < 0).any():
        return False
    same = np.flatnonzero(steps == 0)
    if not len(same):
        return True
    rows = np.unique(np.concatenate([same, same + 1]))
    keys = [_sort_key(row) for row in table.take(pa.array(rows)).to_pylist()]
    return all(one <= other for one, other in pairwise(keys))


def sort_events(raw_events: pads.Dataset, *, memory_limit: str, scratch: Path) -> pads.Dataset:
    """Return `raw_events` sorted by all columns, as a Parquet file in `scratch`."""
    where = scratch / "sorted.parquet"
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
        con.register("events", raw_events)
        batches = con.sql(_SORT).to_arrow_reader(100_000)
        typed = (pa.Table.from_batches([batch]).cast(tables.RAW_EVENTS) for batch in batches)
        write_parquet(where, tables.RAW_EVENTS, typed)
    return pads.dataset(where)


def _sort_key(row: dict[str, Any]) -> tuple[tuple[bool, Any], ...]:
    return tuple((value is None, 0 if value is None else value) for value in row.values())
