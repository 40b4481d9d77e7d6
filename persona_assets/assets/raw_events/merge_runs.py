"""Merge sorted runs (as in an external merge sort) into one sorted Parquet file.

The bytes of the file do not depend on how the rows were distributed over the runs. The time range is cut into slices.
The rows of a slice, from all runs, are combined and sorted: first by time, which is cheap as times rarely repeat, then
rows of the same time by all columns. A slice that is far too large, because of many rows of the same time or of long
rows, is sorted on disk. A run is read into memory when its first slice comes, and its file is deleted. If the times of
many runs overlap, those beyond `_MAX_OPEN_BYTES` are written to scratch again without compression, and mapped to
memory. Memory: a few row groups and `_MAX_OPEN_BYTES`, whatever the number and size of the rows and their times.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.raw_events.external_sort import sort_and_count_repeats
from persona_assets.assets.raw_events.sorted_runs import FENCE_ROWS, SortedRun
from persona_assets.assets.raw_events.tie_break import count_repeated_rows, make_sort_keys
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import phase
from persona_assets.common.provenance import Provenance, with_provenance
from persona_assets.tables import RAW_EVENTS, REJECTED_LINES

# Target number of rows of a slice: few enough for the processor's cache.
_SLICE_ROWS = 1 << 15
# Rows of the same time are never split into slices. A slice of more rows or bytes than this is sorted on disk.
_MAX_SLICE_ROWS, _MAX_SLICE_BYTES = 1 << 17, 1 << 26
# Maximum bytes of runs in memory: four or more, as a run is made of 32 MiB of lines.
_MAX_OPEN_BYTES = 1 << 27
_END = np.iinfo(np.int64).max
# A rejected line may have 64 KiB: the row group size of the other tables could mean 8 GB.
_REJECTED_GROUP_ROWS = 4096


def merge_runs(  # noqa: PLR0913 - input, output and what is written beside the rows
    runs: Sequence[SortedRun],
    path: Path,
    *,
    day_column: dt.date | None = None,
    prefetch_slices: bool = False,
    provenance: Provenance | None = None,
    events: int | None = None,
) -> int:
    """Merge sorted runs into one sorted Parquet file at `path`; return the number of rows that repeat the one before.

    The file is `tables.RAW_EVENTS`, sorted by all columns (`event_time_us` and `user_id` first), nulls last.

    Args:
        runs: In any order.
        path: A file that does not exist yet.
        day_column: The partition, for the column `day`; None leaves the column out.
        prefetch_slices: Sort the next slice of time in another thread while the one before it is written.
        provenance: How the table was made, for the schema metadata of the file.
        events: Number of rows of all runs, if it is known, for the progress that is logged.

    Returns:
        The number of rows that equal the row before them in every column.
    """
    repeated = 0

    def tables() -> Iterator[pa.Table]:
        nonlocal repeated
        for pieces in _slices(runs):
            for table, more in _sort_slice(pieces, path.parent):
                repeated += more
                yield table
                merged.add(table.num_rows)

    with phase("merging", what="events", total=events) as merged:
        write_parquet(
            path,
            with_provenance(RAW_EVENTS, provenance),
            tables(),
            day_column=day_column,
            prefetch_groups=prefetch_slices,
        )
    return repeated


def merge_rejected_lines(
    streams: Sequence[Path], path: Path, *, day_column: dt.date | None = None, provenance: Provenance | None = None
) -> int:
    """Concatenate Arrow streams of rejected lines into the Parquet file `path`; return the number of lines."""
    schema = with_provenance(REJECTED_LINES, provenance)
    return write_parquet(
        path, schema, _read_rejected(streams), day_column=day_column, max_group_rows=_REJECTED_GROUP_ROWS
    )


def _read_rejected(streams: Sequence[Path]) -> Iterator[pa.Table]:
    for stream in streams:
        with pa.OSFile(str(stream)) as file, pa.ipc.open_stream(file) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch]).cast(REJECTED_LINES)


def _slices(runs: Sequence[SortedRun]) -> Iterator[list[pa.RecordBatch]]:
    """Yield the rows of each slice of time, in order, as pieces of the batches of all runs."""
    fences = np.sort(np.array([fence for run in runs for fence in run.fences], dtype=np.int64))
    cuts = np.unique(fences[:: max(1, _SLICE_ROWS // FENCE_ROWS)])[1:].tolist()
    waiting = sorted(runs, key=lambda run: run.fences[0], reverse=True)
    opened: list[pa.RecordBatch] = []
    for low, high in zip([0, *cuts], [*cuts, _END], strict=True):
        while waiting and waiting[-1].fences[0] < high:
            run = waiting.pop()
            in_memory = run.memory_bytes + sum(batch.nbytes for batch in opened) <= _MAX_OPEN_BYTES
            opened += _read_run(run.path) if in_memory else _map_run(run.path)
        pieces = [piece for batch in opened if len(piece := _select_times(batch, low, high))]
        opened = [batch for batch in opened if batch["event_time_us"][-1].as_py() >= high]
        if pieces:
            yield pieces


def _read_run(path: Path) -> list[pa.RecordBatch]:
    """Return the batches of a run, in memory, and delete its file."""
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
        batches = [*_read_batches(reader)]
    path.unlink()
    return batches


def _map_run(path: Path) -> list[pa.RecordBatch]:
    """Return the batches of a run as memory-mapped views of a decompressed copy.

    Both files are deleted. The space of the copy is free when the last view is.
    """
    mapped = path.with_suffix(".mapped")
    with (
        pa.OSFile(str(path)) as file,
        pa.ipc.open_file(file) as reader,
        pa.OSFile(str(mapped), "wb") as copy,
        pa.ipc.new_file(copy, reader.schema) as writer,
    ):
        for batch in _read_batches(reader):
            writer.write_batch(batch)
    path.unlink()
    batches = [*_read_batches(pa.ipc.open_file(pa.memory_map(str(mapped))))]
    mapped.unlink()
    return batches


def _read_batches(reader: pa.ipc.RecordBatchFileReader) -> Iterator[pa.RecordBatch]:
    return (reader.get_batch(number) for number in range(reader.num_record_batches))


def _select_times(batch: pa.RecordBatch, low: int, high: int) -> pa.RecordBatch:
    """Return the rows with low <= time < high of a batch that is sorted by time."""
    first, last = np.searchsorted(batch["event_time_us"].to_numpy(), [low, high])
    return batch.slice(first, last - first)


def _sort_slice(pieces: list[pa.RecordBatch], scratch: Path) -> Iterator[tuple[pa.Table, int]]:
    rows, size = sum(map(len, pieces)), sum(map(_own_bytes, pieces))
    if rows > _MAX_SLICE_ROWS or size > _MAX_SLICE_BYTES:
        yield from sort_and_count_repeats(pieces, scratch=scratch)
    else:
        yield _sort(pieces)


def _own_bytes(piece: pa.RecordBatch) -> int:
    """Return the size of a batch in bytes, without the dictionaries that it shares with other batches."""
    return sum(column.nbytes for column in piece.columns if not pa.types.is_dictionary(column.type))


def _sort(pieces: list[pa.RecordBatch]) -> tuple[pa.Table, int]:
    """Sort rows by all columns, and count those that equal the row before them."""
    table = pa.Table.from_batches(pieces).unify_dictionaries().combine_chunks()
    times = table["event_time_us"].chunk(0).to_numpy()
    order = np.argsort(times, kind="stable")
    same = times[order][1:] == times[order][:-1]
    repeated = 0
    if same.any():
        tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        keys = make_sort_keys(table.take(order[tied]))
        ranks = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names]).to_numpy()
        order[tied] = order[tied][ranks]  # times stay sorted: they are the first sort key
        repeated = count_repeated_rows(keys.take(ranks))
    return pc.take(table, pa.array(order), boundscheck=False), repeated
