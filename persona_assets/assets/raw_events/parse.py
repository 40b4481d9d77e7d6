"""Parse the capture files of a day, in several processes, into a table of events and a table of rejected lines."""

import datetime as dt
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from persona_assets.assets.raw_events.merge_runs import merge_rejected_lines, merge_runs
from persona_assets.assets.raw_events.read_counts import ReadCounts
from persona_assets.assets.raw_events.read_files import ParsedFiles, read_files_into_runs
from persona_assets.capture.files import CaptureFile
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.provenance import Provenance
from persona_assets.errors import WorkerKilledError
from persona_assets.forgotten_accounts.tombstones import Tombstones

# Minimum bytes of input per worker process: for less, starting it (0.4 s of CPU) costs more than it saves.
_BYTES_WORTH_A_WORKER = 1 << 26
# More tasks than workers, so that a worker with slow files does not keep the others waiting.
_SHARES_PER_WORKER = 4


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
    on_progress: Callable[[int], None] = lambda _: None,
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
        scratch: An empty folder for temporary files of about half the size of the decompressed lines.
        dictionaries: zstd dictionaries, by dictionary id, for frames that were compressed with one.
        on_progress: Called after each task with the number of its lines.
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
            (share, day, scratch / f"part-{number}", dictionaries, tombstones) for number, share in enumerate(shares)
        ]
        parsed: list[ParsedFiles] = []
        for files_read in _read_in_processes(tasks, workers):
            parsed.append(files_read)
            on_progress(files_read.counts.lines)
        return _merge(parsed, day, workers, scratch, provenance)


def _merge(
    parsed: Sequence[ParsedFiles], day: dt.date, workers: int, scratch: Path, provenance: Provenance | None
) -> ParsedDay:
    counts = ReadCounts()
    for files_read in parsed:
        counts.add(files_read.counts)
    events, rejected = scratch / "raw_events.parquet", scratch / "rejected_lines.parquet"
    runs = [run for files_read in parsed for run in files_read.runs]
    counts.repeated = merge_runs(runs, events, day_column=day, prefetch_slices=workers > 1, provenance=provenance)
    merge_rejected_lines(
        [files_read.rejected for files_read in parsed], rejected, day_column=day, provenance=provenance
    )
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


def _read_in_processes(
    tasks: Sequence[tuple[Sequence[CaptureFile], dt.date, Path, Mapping[int, bytes] | None, Tombstones | None]],
    workers: int,
) -> Iterator[ParsedFiles]:
    if workers == 1:
        for task in tasks:
            yield read_files_into_runs(*task)
        return
    # Spawned, not forked: a Dagster process has threads.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start_worker) as pool, _kill_workers_on_error():
        try:
            with _hiding_main():
                found = pool.map(read_files_into_runs, *zip(*tasks, strict=True))
                # The pool watches the workers that it knew at the last submission, and starts a worker after each one:
                # without this extra task, the death of the last worker would go unnoticed.
                pool.submit(os.getpid)
            yield from found
        except BrokenProcessPool as error:
            raise WorkerKilledError(
                f"one of {workers} processes that parse {tasks[0][1]} was killed, most likely because memory ran out: "
                "set PERSONA_WORKERS lower (each takes some 300 MB), or give the step more memory"
            ) from error


@contextmanager
def _hiding_main() -> Generator[None]:
    """Let processes that are spawned in the block not import the program that runs.

    A spawned process imports the `__main__` of its parent, in case its task was defined there. That is the command of
    Dagster, which takes 1.3 s of CPU to import, and no worker needs it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _kill_workers_on_error() -> Generator[None]:
    """Kill the workers if the block raises: the pool would wait for them, which may take minutes."""
    has_completed = False
    try:
        yield
        has_completed = True
    finally:
        if not has_completed:
            for worker in multiprocessing.active_children():
                worker.kill()


class _PandasBlocker(MetaPathFinder):
    """Import hook that hides pandas: pyarrow would import it, only to test whether its input is a pandas object."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Raise for pandas, and leave all other modules to the other finders."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError(
                "worker processes do not use pandas: importing it takes 0.4 s and 60 MB", name=fullname
            )


def _start_worker() -> None:
    sys.meta_path.insert(0, _PandasBlocker())
    # A terminal sends SIGINT to all processes of a run; it is the step that ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()


def _end_with_parent() -> None:
    """Exit this worker process when its parent ends: otherwise it would wait for tasks forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
