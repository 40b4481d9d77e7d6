"""Materialize an asset in child processes: one that is killed at a chosen moment, or two concurrent ones."""

import multiprocessing
import os
import re
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.synchronize import Barrier
from typing import Any, Literal, NamedTuple

import dagster as dg
import pytest
from dagster._cli import cli

from persona_assets.assets.raw_events import parse
from persona_assets.definitions import build_definitions
from persona_assets.settings import read_settings

# Imported once, by the process from which the others are forked. The import starts no thread. The last two are what a
# run would import for the model and for its storage: 2.9 s of CPU for each process.
HEAVY = (
    *("torch", "transformers", "sklearn.cluster", "matplotlib.figure"),
    *("transformers.models.bert.modeling_bert", "dagster._core.storage.event_log.sqlite.sqlite_event_log"),
)

_WRITES = ("open", "os.mkdir", "os.rename", "os.remove", "sqlite3.connect", "shutil.move")


class Moment(NamedTuple):
    """The nth time that a matching file or folder is created, opened for writing, or renamed."""

    event: Literal["os.mkdir", "open", "os.rename", "any"]
    name: str  # regular expression for its path before the rename
    nth: int = 1
    # Die later, as soon as a file grows beyond this number of bytes.
    most_bytes: int | None = None


def materialize(asset: str, day: str) -> None:
    """Materialize the step of `asset` from stored inputs, with the settings of the environment."""
    step = ("raw_events", "rejected_lines") if asset == "raw_events" else (asset,)
    job = build_definitions(read_settings()).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(
            partition_key=day, asset_selection=[dg.AssetKey(name) for name in step], instance=instance
        )


def materialize_and_die(asset: str, day: str, moment: Moment, environment: Mapping[str, str]) -> int | None:
    """Materialize in a new process, and return its exit code: minus the number of the signal if it was killed."""
    process = _context().Process(target=_materialize_watched, args=(asset, day, dict(environment), _Death(moment)))
    process.start()
    process.join()
    return process.exitcode


def materialize_together(asset: str, day: str, moment: Moment, environment: Mapping[str, str]) -> list[int | None]:
    """Materialize in two new processes, which wait for each other at a moment; return their exit codes."""
    meeting = _Meeting(moment, _context().Barrier(2))
    processes = [
        _context().Process(target=_materialize_watched, args=(asset, day, dict(environment), meeting)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def materialize_with_threads(
    assets: Sequence[str], day: str, threads: int, environment: Mapping[str, str]
) -> int | None:
    """Materialize in a new interpreter with the given number of threads in every library; return its exit code.

    It is a new interpreter, because OpenMP and BLAS set their number of threads when they are loaded.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=_materialize_threaded, args=(tuple(assets), day, threads, dict(environment))
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        process.start()
    process.join()
    return process.exitcode


def _materialize_threaded(assets: Sequence[str], day: str, threads: int, environment: Mapping[str, str]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - in this process only
    import torch  # noqa: PLC0415 - the same

    os.environ.update(environment)
    tempfile.tempdir = None
    pa.set_io_thread_count(threads)
    torch.set_num_threads(threads)
    parse._BYTES_WORTH_A_WORKER = 1
    for asset in assets:
        materialize(asset, day)


def run_command(
    arguments: Sequence[str], moment: Moment | None, environment: Mapping[str, str], *, timeout: float
) -> int | None:
    """Run `dagster` in a new process, which may be killed at a moment; return its exit code, or None if it hangs."""
    watch = None if moment is None else _Death(moment)
    process = _context().Process(target=_run_watched, args=(tuple(arguments), dict(environment), watch))
    process.start()
    process.join(timeout)
    code = process.exitcode
    process.kill()
    process.join()
    return code


def count_moments(arguments: Sequence[str], moment: Moment, environment: Mapping[str, str]) -> int:
    """Run `dagster` in a new process, and return how many moments match."""
    context = _context()
    counted = context.SimpleQueue()
    process = context.Process(target=_run_counted, args=(tuple(arguments), dict(environment), moment, counted))
    process.start()
    number = counted.get()
    process.join()
    return number


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *HEAVY])
    return context


def _materialize_watched(asset: str, day: str, environment: dict[str, str], watch: Callable[..., None]) -> None:
    os.environ.update(environment)
    tempfile.tempdir = None  # so that TMPDIR is read again
    sys.addaudithook(watch)
    materialize(asset, day)


def _run_watched(arguments: Sequence[str], environment: dict[str, str], watch: Callable[..., None] | None) -> None:
    os.environ.update(environment)
    tempfile.tempdir = None
    sys.modules.pop("persona_assets.definitions", None)  # the parent process has loaded it with its own settings
    if watch is not None:
        sys.addaudithook(watch)
    cli(list(arguments), standalone_mode=False)


def _run_counted(arguments: Sequence[str], environment: dict[str, str], moment: Moment, counted: Any) -> None:
    watch = _Count(moment)
    _run_watched(arguments, environment, watch)
    counted.put(watch.seen)


class _Watch:
    """An audit hook, which Python calls just before each file is opened or renamed."""

    def __init__(self, moment: Moment) -> None:
        self._moment, self.seen = moment, 0

    def __call__(self, event: str, about: tuple[Any, ...]) -> None:
        wanted = _WRITES if self._moment.event == "any" else (self._moment.event,)
        if event not in wanted or not re.search(self._moment.name, str(about[0])):
            return
        if event == "open" and not about[2] & (os.O_WRONLY | os.O_RDWR):
            return
        self.seen += 1
        if self.seen == self._moment.nth:
            self.act()

    def act(self) -> None:
        """React to the moment."""
        raise NotImplementedError


class _Death(_Watch):
    def act(self) -> None:
        most = self._moment.most_bytes
        if most is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


class _Count(_Watch):
    def act(self) -> None:
        """Do nothing: moments are only counted."""


class _Meeting(_Watch):
    def __init__(self, moment: Moment, barrier: Barrier) -> None:
        super().__init__(moment)
        self._barrier = barrier

    def act(self) -> None:
        self._barrier.wait(timeout=300)
