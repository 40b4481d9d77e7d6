"""Workers import only what they need, results come in order, and a killed worker is an error with a remedy."""

import itertools
import multiprocessing
import operator
import os
import signal
from multiprocessing.sharedctypes import RawArray

import pytest

from persona_assets.common.worker_processes import map_in_processes
from persona_assets.errors import WorkerKilledError

CODE = "__import__('pyarrow').array(['x']) and 'pandas' in __import__('sys').modules"
NUMBERS = "__import__('builtins').numbers"


def share(numbers):
    """Let tasks of this worker find shared memory."""
    import builtins  # noqa: PLC0415 - of the worker

    builtins.numbers = numbers


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_tasks(workers):
    assert [*map_in_processes(operator.neg, range(20), workers=workers, purpose="negate")] == [*range(0, -20, -1)]


def test_one_process_computes_in_this_one():
    assert {*map_in_processes(eval, ["__import__('os').getpid()"] * 3, workers=1, purpose="ask")} == {os.getpid()}
    assert os.getpid() not in map_in_processes(eval, ["__import__('os').getpid()"] * 3, workers=2, purpose="ask")


def test_tasks_are_read_when_there_is_room_for_them():
    read = itertools.count()
    results = map_in_processes(operator.neg, read, workers=2, purpose="negate")

    first = [next(results) for _ in range(3)]
    results.close()

    assert first == [0, -1, -2]
    assert next(read) <= 7  # three results were taken, and four tasks may wait


def test_workers_do_not_import_pandas():
    # pyarrow looks for pandas at the first array.
    assert [*map_in_processes(eval, [CODE], workers=2, purpose="ask")] == [False]


def test_workers_do_not_import_dagster():
    code = "'dagster' in __import__('sys').modules"

    assert [*map_in_processes(eval, [code], workers=2, purpose="ask")] == [False]


def test_an_initializer_gives_workers_shared_memory():
    shared = RawArray("Q", 1)
    tasks = [f"{NUMBERS}.__setitem__(0, 7)"]

    [*map_in_processes(eval, tasks, workers=2, purpose="count", initializer=share, initargs=[shared])]

    assert shared[0] == 7


def test_a_killed_worker_raises_an_error_with_the_remedy():
    kill = f"__import__('os').kill(__import__('os').getpid(), {signal.SIGKILL.value})"

    with pytest.raises(WorkerKilledError, match="one of 2 processes that do it was killed.* PERSONA_WORKERS lower"):
        [*map_in_processes(eval, ["1", kill, "1"], workers=2, purpose="do it")]
    assert not multiprocessing.active_children()


def test_the_error_of_a_task_ends_the_workers():
    with pytest.raises(ZeroDivisionError):
        [*map_in_processes(eval, ["1 / 0", "__import__('time').sleep(600)"], workers=2, purpose="divide")]
    for child in multiprocessing.active_children():
        child.join(5)

    assert not multiprocessing.active_children()
