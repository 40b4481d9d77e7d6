"""Merge sorted runs into one Parquet file whose bytes do not depend on how the rows were spread over them.

The range of times is cut into slices. The rows of a slice, from every run that has any, are put together and sorted:
first by time, which costs little as times hardly repeat, then rows of the same time by all their columns. A slice
that is far larger than it should be, as of many rows of one instant or of long ones, is sorted outside of memory.
Memory: a few row groups, whatever the number of rows, their size, and how they are spread over time.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.raw_events.external_sort import sort_crowd
from persona_assets.assets.raw_events.sorted_runs import FENCE_ROWS, Run
from persona_assets.assets.raw_events.tie_break import count_repeated, make_sort_keys
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.provenance import Provenance, with_provenance
from persona_assets.tables import RAW_EVENTS, REJECTED_LINES

# Rows that are sorted at once: few enough for the processor's cache.
_SLICE_ROWS = 1 << 15
# A slice is never less than an instant. One of more rows or bytes than this is sorted outside of memory.
_MOST_ROWS, _MOST_BYTES = 1 << 17, 1 << 26
_END = np.iinfo(np.int64).max
# A rejected line may hold 64 KiB: as many as in a row group of other tables could take 8 GB.
_REJECTED_GROUP_ROWS = 4096


def merge_runs(
    runs: Sequence[Run],
    where: Path,
    *,
    day: dt.date | None = None,
    threads: int = 1,
    provenance: Provenance | None = None,
) -> int:
    """Write the events of all runs to `where` as `tables.RAW_EVENTS`.

    Order: by every column, `event_time_us` and `user_id` first, nulls last.

    Args:
        runs: In any order.
        where: A file that does not exist yet.
        day: The partition, if the file is to have its column.
        threads: With more than one, rows are sorted while those before them are written.
        provenance: How the table was made, as its file is to say.

    Returns:
        How many rows are the same, in every column, as the one before them.
    """
    repeated = 0

    def tables() -> Iterator[pa.Table]:
        nonlocal repeated
        for pieces in _slices(runs):
            for table, more in _sort_slice(pieces, where.parent):
                repeated += more
                yield table

    write_parquet(where, with_provenance(RAW_EVENTS, provenance), tables(), day=day, threads=threads)
    return repeated


def merge_rejected(
    spools: Sequence[Path], where: Path, *, day: dt.date | None = None, provenance: Provenance | None = None
) -> int:
    """Write the rejected lines of all spools, one after the other, and return how many there are."""
    schema = with_provenance(REJECTED_LINES, provenance)
    return write_parquet(where, schema, _rejected(spools), day=day, group_rows=_REJECTED_GROUP_ROWS)


def _rejected(spools: Sequence[Path]) -> Iterator[pa.Table]:
    for spool in spools:
        with pa.OSFile(str(spool)) as file, pa.ipc.open_stream(file) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch]).cast(REJECTED_LINES)


def _slices(runs: Sequence[Run]) -> Iterator[list[pa.RecordBatch]]:
    fences = np.sort(np.array([fence for run in runs for fence in run.fences], dtype=np.int64))
    cuts = np.unique(fences[:: max(1, _SLICE_ROWS // FENCE_ROWS)])[1:].tolist()
    waiting = sorted(runs, key=lambda run: run.fences[0], reverse=True)
    opened: list[pa.RecordBatch] = []
    for low, high in zip([0, *cuts], [*cuts, _END], strict=True):
        while waiting and waiting[-1].fences[0] < high:
            opened += _open(waiting.pop().path)
        pieces = [piece for batch in opened if len(piece := _between(batch, low, high))]
        opened = [batch for batch in opened if batch["event_time_us"][-1].as_py() >= high]
        if pieces:
            yield pieces


def _open(path: Path) -> list[pa.RecordBatch]:
    """Return the batches of a run, as views of its file."""
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    return [reader.get_batch(number) for number in range(reader.num_record_batches)]


def _between(batch: pa.RecordBatch, low: int, high: int) -> pa.RecordBatch:
    """Return the rows with low <= time < high of a batch that is sorted by time."""
    first, last = np.searchsorted(batch["event_time_us"].to_numpy(), [low, high])
    return batch.slice(first, last - first)


def _sort_slice(pieces: list[pa.RecordBatch], scratch: Path) -> Iterator[tuple[pa.Table, int]]:
    rows, size = sum(map(len, pieces)), sum(map(_measure, pieces))
    if rows > _MOST_ROWS or size > _MOST_BYTES:
        yield from sort_crowd(pieces, scratch=scratch)
    else:
        yield _sort(pieces)


def _measure(piece: pa.RecordBatch) -> int:
    """Return the bytes of some rows, without the dictionaries that they share with others."""
    return sum(column.nbytes for column in piece.columns if not pa.types.is_dictionary(column.type))


def _sort(pieces: list[pa.RecordBatch]) -> tuple[pa.Table, int]:
    """Sort rows by all columns, and count those that are the same as the one before them."""
    table = pa.Table.from_batches(pieces).unify_dictionaries().combine_chunks()
    times = table["event_time_us"].chunk(0).to_numpy()
    order = np.argsort(times, kind="stable")
    same = times[order][1:] == times[order][:-1]
    repeated = 0
    if same.any():
        tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        keys = make_sort_keys(table.take(order[tied]))
        ranks = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names]).to_numpy()
        order[tied] = order[tied][ranks]  # times stay sorted, being the first of the keys
        repeated = count_repeated(keys.take(ranks))
    return pc.take(table, pa.array(order), boundscheck=False), repeated
