"""Steps that take turns on a machine, whichever process they are in."""

import multiprocessing
import os
import signal
import time
from itertools import pairwise

import pytest

from persona_assets.assets.embeddings import machine_lock as turns
from persona_assets.assets.embeddings.machine_lock import hold_machine_lock, make_own_folder
from persona_assets.errors import StorageError


def _work(lock, spans, seconds, has_turn):
    with hold_machine_lock(lock, log=lambda _: None):
        start = time.monotonic()
        has_turn.set()
        time.sleep(seconds)
        spans.put((start, time.monotonic()))


@pytest.fixture
def start(tmp_path):
    """Start a process that holds the turn for some seconds; its span comes out of the queue."""
    context = multiprocessing.get_context("spawn")
    spans, started = context.Queue(), []

    def start_one(seconds):
        has_turn = context.Event()
        process = context.Process(target=_work, args=(tmp_path / "lock", spans, seconds, has_turn))
        process.start()
        started.append((process, has_turn))  # an event that nobody holds is gone before the process has it
        return process, spans, has_turn

    yield start_one
    for process, _ in started:
        process.kill()
        process.join()


def test_processes_that_start_at_once_work_one_after_the_other(start):
    for _ in range(5):
        _, spans, _ = start(0.1)

    ends = sorted(spans.get(timeout=600) for _ in range(5))

    assert all(end <= begin for (_, end), (begin, _) in pairwise(ends))


def test_a_process_that_is_killed_lets_the_next_one_in_and_waiting_is_said(start, tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "REMIND_SECONDS", 0.05)
    process, _, has_turn = start(600)
    said = []

    def log(text):
        said.append(text)
        if len(said) == 2:
            process.kill()

    assert has_turn.wait(timeout=600)
    with hold_machine_lock(tmp_path / "lock", log=log):
        pass

    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert said[0].endswith("waiting for it to end")


def test_a_step_that_fails_gives_its_turn_back(tmp_path):
    with pytest.raises(ZeroDivisionError), hold_machine_lock(tmp_path / "lock", log=print):
        _ = 1 / 0

    with hold_machine_lock(tmp_path / "lock", log=lambda _: pytest.fail("it waits")):
        pass


def test_the_folder_of_the_lock_is_for_its_user_alone(tmp_path):
    folder = make_own_folder(tmp_path)

    assert make_own_folder(tmp_path) == folder
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_another_user_can_write_to_is_not_used(tmp_path):
    make_own_folder(tmp_path).chmod(0o777)

    with pytest.raises(StorageError, match="not a folder of this user alone.*PERSONA_LOCK_DIR"):
        make_own_folder(tmp_path)


@pytest.mark.parametrize("there", ["a link to a folder", "a dangling link", "a file"])
def test_what_another_user_has_put_in_the_place_of_the_folder_is_not_used(there, tmp_path):
    folder, elsewhere = tmp_path / f"persona_assets-lock-{os.geteuid()}", tmp_path / "elsewhere"
    if there == "a file":
        folder.touch()
    else:
        folder.symlink_to(elsewhere)
    if there == "a link to a folder":
        elsewhere.mkdir(mode=0o700)

    with pytest.raises(StorageError, match="PERSONA_LOCK_DIR"):
        make_own_folder(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a folder away needs root")
def test_a_folder_of_another_user_is_not_used(tmp_path):
    os.chown(make_own_folder(tmp_path), 1, 1)

    with pytest.raises(StorageError, match="PERSONA_LOCK_DIR"):
        make_own_folder(tmp_path)


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "of somebody")

    with (
        pytest.raises(StorageError, match="lock cannot be opened.*PERSONA_LOCK_DIR"),
        hold_machine_lock(tmp_path / "lock", log=print),
    ):
        pass

    assert not (tmp_path / "of somebody").exists()
