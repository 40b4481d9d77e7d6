"""Parse the capture files of a day, in several processes, into a table of events and a table of rejected lines."""

import datetime as dt
from collections.abc import Mapping, Sequence
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import NamedTuple

from persona_assets.assets.raw_events.merge_runs import merge_rejected_lines, merge_runs
from persona_assets.assets.raw_events.parsing_task import ParsingTask, count_bytes_in, read_task_into_runs
from persona_assets.assets.raw_events.read_counts import ReadCounts
from persona_assets.assets.raw_events.read_files import ParsedFiles
from persona_assets.capture.capture_file import CaptureFile
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.progress import phase
from persona_assets.common.provenance import Provenance
from persona_assets.common.worker_processes import map_in_processes
from persona_assets.forgotten_accounts.tombstones import Tombstones

# Minimum bytes of input per worker process. Starting one takes 0.3 CPU s, in which another parses 25 MB, and its first
# lines are slow: two workers took 1.0 to 1.8 CPU s more than one, whether for 43 or 324 MB. On a busy machine with two
# cores (load 4 to 6) one was faster for each of these sizes; on an idle one this was not measured.
_BYTES_WORTH_A_WORKER = 1 << 27
# More tasks than workers, so that a worker with slow files does not keep the others waiting.
_SHARES_PER_WORKER = 4
_BYTES_PER_MB = 1_000_000


class ParsedDay(NamedTuple):
    """Result of `parse_files`: Parquet files of the events and of the rejected lines of a day, and counts."""

    raw_events: Path  # tables.RAW_EVENTS and the column `day`, sorted by all columns
    rejected_lines: Path  # tables.REJECTED_LINES and the column `day`, sorted by source_file and line_number
    counts: ReadCounts


def parse_files(  # noqa: PLR0913 - inputs and resources of a day
    files: Sequence[CaptureFile],
    *,
    day: dt.date,
    workers: int,
    scratch: Path,
    dictionaries: Mapping[int, bytes] | None = None,
    provenance: Provenance | None = None,
    tombstones: Tombstones | None = None,
) -> ParsedDay:
    """Parse each line of capture files to an event or a rejected line, in `workers` processes; duplicates stay.

    The bytes of `raw_events` depend on the set of lines only: not on their order, on the files that hold them, on
    compression, or on the number of workers.

    Args:
        files: The files of one day, with distinct names.
        day: The day of the files (UTC); events of other days are kept and counted.
        workers: Maximum number of processes; 1 parses in this process. Small inputs use fewer.
        scratch: An empty folder for temporary files of about a tenth of the size of the decompressed lines.
        dictionaries: zstd dictionaries, by dictionary id, for frames that were compressed with one.
        provenance: How the tables were made, for the schema metadata of their files.
        tombstones: Accounts that were forgotten: they are left out of both tables and counted.

    Returns:
        The two tables, in `scratch`, and the counts. Memory: about 300 MB per worker and as much for merging, whatever
        the size of the day. A file that was compressed with a zstd window larger than the usual 8 MiB needs that window
        on top, at most 2 GiB.

    Raises:
        WorkerKilledError: A worker process was killed, as Linux does when memory runs out.
        StorageError: The disk of `scratch` is full.
    """
    with explaining_full_disk(scratch):
        workers = min(workers, 1 + sum(file.size for file in files) // _BYTES_WORTH_A_WORKER)
        shares = _split_by_size(sorted(files, key=lambda file: file.name), workers)
        tasks = [
            ParsingTask(number, share, day, scratch / f"part-{number}", dictionaries, tombstones)
            for number, share in enumerate(shares)
        ]
        return _merge(_read_files(tasks, workers), day, workers, scratch, provenance)


def _read_files(tasks: Sequence[ParsingTask], workers: int) -> list[ParsedFiles]:
    # Bytes of files that each task has read, in memory that the workers share.
    bytes_read = RawArray("Q", len(tasks))
    total = sum(file.size for task in tasks for file in task.files)
    with phase("parsing", what="MB of files", total=total // _BYTES_PER_MB) as parsing:
        parsing.count_by(lambda: sum(bytes_read) // _BYTES_PER_MB)
        count_bytes_in(bytes_read)
        return [
            *map_in_processes(
                read_task_into_runs,
                tasks,
                workers=workers,
                purpose=f"parse {tasks[0].day}",
                initializer=count_bytes_in,
                initargs=[bytes_read],
            )
        ]


def _merge(
    parsed: Sequence[ParsedFiles], day: dt.date, workers: int, scratch: Path, provenance: Provenance | None
) -> ParsedDay:
    counts = ReadCounts()
    for files_read in parsed:
        counts.add(files_read.counts)
    events, rejected = scratch / "raw_events.parquet", scratch / "rejected_lines.parquet"
    runs = [run for files_read in parsed for run in files_read.runs]
    counts.repeated = merge_runs(
        runs, events, day_column=day, prefetch_slices=workers > 1, provenance=provenance, events=counts.events
    )
    with phase("writing rejected lines"):
        streams = [files_read.rejected for files_read in parsed]
        merge_rejected_lines(streams, rejected, day_column=day, provenance=provenance)
    return ParsedDay(events, rejected, counts)


def _split_by_size(files: Sequence[CaptureFile], workers: int) -> list[Sequence[CaptureFile]]:
    """Split sorted files into groups of consecutive files, of about the same size each."""
    if workers == 1:
        return [files]
    min_bytes = 1 + sum(file.size for file in files) // (workers * _SHARES_PER_WORKER)
    shares: list[Sequence[CaptureFile]] = []
    start, group_bytes = 0, 0
    for end, file in enumerate(files, 1):
        group_bytes += file.size
        if group_bytes >= min_bytes or end == len(files):
            shares.append(files[start:end])
            start, group_bytes = end, 0
    return shares
