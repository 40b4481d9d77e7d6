"""Steps that take turns on a machine, whichever process they are in."""

import multiprocessing
import signal
import time
from itertools import pairwise

import pytest

from persona_assets.embeddings import turns
from persona_assets.embeddings.turns import take_turn


def _work(lock, spans, seconds):
    with take_turn(lock, log=lambda _: None):
        start = time.monotonic()
        time.sleep(seconds)
        spans.put((start, time.monotonic()))


@pytest.fixture
def start(tmp_path):
    """Start a process that holds the turn for some seconds; its span comes out of the queue."""
    context = multiprocessing.get_context("spawn")
    spans, started = context.Queue(), []

    def start_one(seconds):
        process = context.Process(target=_work, args=(tmp_path / "lock", spans, seconds))
        process.start()
        started.append(process)
        return process, spans

    yield start_one
    for process in started:
        process.kill()
        process.join()


def test_processes_that_start_at_once_work_one_after_the_other(start):
    for _ in range(5):
        _, spans = start(0.1)

    ends = sorted(spans.get(timeout=60) for _ in range(5))

    assert all(end <= begin for (_, end), (begin, _) in pairwise(ends))


def test_a_process_that_is_killed_lets_the_next_one_in_and_waiting_is_said(start, tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "REMIND_SECONDS", 0.05)
    process, _ = start(600)
    said = []

    def log(text):
        said.append(text)
        if len(said) == 2:
            process.kill()

    while not (tmp_path / "lock").exists():
        time.sleep(0.01)
    time.sleep(0.2)  # the file is there a moment before it is locked
    with take_turn(tmp_path / "lock", log=log):
        pass

    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert said[0].endswith("waiting for it to end")


def test_a_step_that_fails_gives_its_turn_back(tmp_path):
    with pytest.raises(ZeroDivisionError), take_turn(tmp_path / "lock", log=print):
        _ = 1 / 0

    with take_turn(tmp_path / "lock", log=lambda _: pytest.fail("it waits")):
        pass
