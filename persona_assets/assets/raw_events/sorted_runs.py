"""Write events to sorted runs for an external merge sort.

A run is a compressed Arrow file in scratch with the events of one buffer, in batches that are each sorted by time.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

# The time of every 1,024th row is kept as a fence: the merge can then cut slices of time without reading the run.
FENCE_ROWS = 1024
# Takes a third of the bytes. In the thread of the worker, whose other cores have workers of their own.
_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)


class SortedRun(NamedTuple):
    """A temporary Arrow file of events in batches sorted by time, with sampled event times (`fences`) for merging."""

    path: Path
    fences: list[int]  # event times of some rows, sorted: the first and last of the run, and samples in between
    memory_bytes: int  # of the events in memory


def write_run(table: pa.Table, path: Path) -> SortedRun:
    """Write a table, whose chunks must be sorted by time, to an Arrow file: one batch per chunk.

    Args:
        table: `tables.RAW_EVENTS`, not empty, each chunk sorted by time.
        path: A file that does not exist yet.
    """
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema, options=_OPTIONS) as writer:
        writer.write_table(table)
    fences: list[int] = []
    for chunk in table["event_time_us"].chunks:
        times = chunk.to_numpy()
        fences += [*times[::FENCE_ROWS].tolist(), int(times[-1])]
    return SortedRun(path, sorted(fences), table.nbytes)


def count_events_by_kind(table: pa.Table) -> Counter[tuple[str, str | None, str | None]]:
    """Return the number of events by kind, collection and operation; both are None unless the event is a commit."""
    keys = ["kind", "collection", "operation"]
    counted = table.select(keys).group_by(keys).aggregate([([], "count_all")])
    return Counter(
        {(row["kind"], row["collection"], row["operation"]): row["count_all"] for row in counted.to_pylist()}
    )
