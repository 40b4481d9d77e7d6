"""Run tasks in worker processes that import only what they need, and yield the results in order.

No other module starts worker processes.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import TypeVar

from persona_assets.errors import WorkerKilledError

Task = TypeVar("Task")
Result = TypeVar("Result")

# Tasks per worker that are submitted and whose results have not been taken yet.
_PENDING_PER_WORKER = 2


def map_in_processes(  # noqa: PLR0913 - the work, and what each worker needs
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    purpose: str,
    initializer: Callable[..., None] | None = None,
    initargs: Sequence[object] = (),
) -> Iterator[Result]:
    """Yield `function(task)` of each task, in the order of the tasks, computed in `workers` processes.

    Memory: two tasks and results for each worker, as `tasks` is read when there is room for another one.

    Args:
        function: Of a module, so that it can be pickled. Its module is all that a worker imports.
        tasks: Arguments that can be pickled.
        workers: Number of processes; 1 calls `function` in this process.
        purpose: What the workers do, for the error: "parse 2025-03-01".
        initializer: Called once in each worker, with `initargs`; not called if `workers` is 1.
        initargs: May have shared memory of `multiprocessing.sharedctypes`, as tasks may not.

    Raises:
        WorkerKilledError: A worker was killed, as Linux does when memory runs out.
    """
    if workers == 1:
        yield from map(function, tasks)
        return
    # Spawned, not forked: a Dagster process has threads.
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(
            workers, mp_context=spawn, initializer=start_worker, initargs=(initializer, tuple(initargs))
        ) as pool,
        _kill_workers_on_error(),
    ):
        try:
            yield from _map_in_order(pool, function, tasks, _PENDING_PER_WORKER * workers)
        except BrokenProcessPool as error:
            raise WorkerKilledError(
                f"one of {workers} processes that {purpose} was killed, most likely because memory ran out: set "
                "PERSONA_WORKERS lower (each takes some 300 MB), or give the step more memory"
            ) from error


def _map_in_order(
    pool: ProcessPoolExecutor, function: Callable[[Task], Result], tasks: Iterable[Task], max_pending: int
) -> Iterator[Result]:
    pending = deque[Future[Result]]()
    remaining, is_exhausted = iter(tasks), False
    while not is_exhausted or pending:
        while not is_exhausted and len(pending) < max_pending:
            try:
                task = next(remaining)
            except StopIteration:
                is_exhausted = True
                break
            with _hiding_main():
                pending.append(pool.submit(function, task))
        if pending:
            # The pool watches the workers that it knew at the last submission, and starts a worker after each one:
            # without this extra task, the death of the last worker would go unnoticed.
            with _hiding_main():
                pool.submit(os.getpid)
            yield pending.popleft().result()


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


def start_worker(initializer: Callable[..., None] | None = None, initargs: Sequence[object] = ()) -> None:
    """Prepare this process, which is a worker: no pandas, no SIGINT, and an end with its parent."""
    sys.meta_path.insert(0, _PandasBlocker())
    # A terminal sends SIGINT to all processes of a run; it is the step that ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    if initializer is not None:
        initializer(*initargs)


def _end_with_parent() -> None:
    """Exit this worker process when its parent ends: otherwise it would wait for tasks forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
