"""Read a day's files, spread over processes, into one table of events and one of rejected lines."""

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

from persona_assets.assets.raw_events.merge_runs import merge_rejected, merge_runs
from persona_assets.assets.raw_events.read_files import Counts, Part, read_files
from persona_assets.capture.files import CaptureFile
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.provenance import Provenance
from persona_assets.errors import WorkerError

# Below this a worker's start, half a second, costs more than it saves.
_BYTES_WORTH_A_WORKER = 1 << 26
# More shares than workers, so that one with slow files does not keep the others waiting.
_SHARES_PER_WORKER = 4


class ParsedDay(NamedTuple):
    """A day's events and rejected lines as finished Parquet files, and what was counted."""

    raw_events: Path  # tables.RAW_EVENTS and the day, by all columns
    rejected_lines: Path  # tables.REJECTED_LINES and the day, by source_file and line_number
    counts: Counts


def parse_files(  # noqa: PLR0913 - what a day is made of, and with what
    files: Sequence[CaptureFile],
    *,
    day: dt.date,
    workers: int,
    scratch: Path,
    dictionaries: Mapping[int, bytes] | None = None,
    report: Callable[[int], None] = lambda _: None,
    provenance: Provenance | None = None,
) -> ParsedDay:
    """Read every line of `files` as an event or a rejected line.

    The same lines, in whatever order and however spread over files, compressed or not and with any number of
    workers, give the same bytes of `raw_events`; duplicates are kept.

    Args:
        files: Of one day, each name once.
        day: The day that the files are of; events outside it are kept and counted.
        workers: Processes; 1 stays in this one, and fewer are started when there is little to read.
        scratch: An empty folder for some 0.5 times the bytes of the lines.
        dictionaries: zstd dictionaries by id, for frames that were compressed with one.
        report: Called with the number of lines of each share of the files that is done.
        provenance: How the tables were made, as their files are to say.

    Returns:
        The two tables, in `scratch`. Memory: some 300 MB a worker, and as much to merge, whatever the day; and the
        window of zstd that a file was compressed with, where it is larger than the usual 8 MiB: 2 GiB at most.

    Raises:
        WorkerError: A worker was killed, as Linux does when memory runs out.
        StorageError: The disk of `scratch` is full.
    """
    with explaining_full_disk(scratch):
        workers = min(workers, 1 + sum(file.size for file in files) // _BYTES_WORTH_A_WORKER)
        shares = _share_out(sorted(files, key=lambda file: file.name), workers)
        tasks = [(share, day, scratch / f"part-{number}", dictionaries) for number, share in enumerate(shares)]
        parts: list[Part] = []
        for part in _read_shares(tasks, workers):
            parts.append(part)
            report(part.counts.lines)
        return _merge(parts, day, workers, scratch, provenance)


def _merge(
    parts: Sequence[Part], day: dt.date, workers: int, scratch: Path, provenance: Provenance | None
) -> ParsedDay:
    counts = Counts()
    for part in parts:
        counts.add(part.counts)
    events, rejected = scratch / "raw_events.parquet", scratch / "rejected_lines.parquet"
    runs = [run for part in parts for run in part.runs]
    counts.repeated = merge_runs(runs, events, day=day, threads=workers, provenance=provenance)
    merge_rejected([part.rejected for part in parts], rejected, day=day, provenance=provenance)
    return ParsedDay(events, rejected, counts)


def _share_out(files: Sequence[CaptureFile], workers: int) -> list[Sequence[CaptureFile]]:
    """Cut sorted files into runs of neighbours of about the same size, so that shares follow one another."""
    if workers == 1:
        return [files]
    least = 1 + sum(file.size for file in files) // (workers * _SHARES_PER_WORKER)
    shares: list[Sequence[CaptureFile]] = []
    start, held = 0, 0
    for end, file in enumerate(files, 1):
        held += file.size
        if held >= least or end == len(files):
            shares.append(files[start:end])
            start, held = end, 0
    return shares


def _read_shares(
    tasks: Sequence[tuple[Sequence[CaptureFile], dt.date, Path, Mapping[int, bytes] | None]], workers: int
) -> Iterator[Part]:
    if workers == 1:
        for task in tasks:
            yield read_files(*task)
        return
    # Spawned, not forked: a Dagster process has threads.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start_worker) as pool, _killing_workers():
        try:
            found = pool.map(read_files, *zip(*tasks, strict=True))
            # The pool watches the workers that it had when it was last told of a task, and starts one after it was
            # told: without one more task it would not see the last worker die.
            pool.submit(os.getpid)
            yield from found
        except BrokenProcessPool as error:
            raise WorkerError(
                f"one of {workers} processes that parse {tasks[0][1]} was killed, most likely for want of memory: "
                "set PERSONA_WORKERS lower (each takes some 300 MB), or give the step more memory"
            ) from error


@contextmanager
def _killing_workers() -> Generator[None]:
    """Kill the workers if the block is not left in peace: a pool waits for them, and they may have minutes to read."""
    in_peace = False
    try:
        yield
        in_peace = True
    finally:
        if not in_peace:
            for worker in multiprocessing.active_children():
                worker.kill()


class _NoPandas(MetaPathFinder):
    """Keeps pyarrow from importing pandas, as it does to tell whether what it is given is a pandas object."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Refuse pandas, and leave all else to others."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError("a worker has no use for pandas: 0.4 s and 60 MB", name=fullname)


def _start_worker() -> None:
    sys.meta_path.insert(0, _NoPandas())
    # A terminal sends it to all processes of a run: the step ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()


def _end_with_parent() -> None:
    """Let this worker end when its parent is killed: a pool's workers would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
