"""One process of a machine at a time holds the lock."""

import multiprocessing
import os
import signal
import time
from itertools import pairwise

import pytest

from persona_assets.assets.embeddings import machine_lock
from persona_assets.assets.embeddings.machine_lock import hold_machine_lock, make_private_folder
from persona_assets.errors import StorageError


def _work(lock, spans, seconds, has_lock):
    with hold_machine_lock(lock, on_wait=lambda _: None):
        start = time.monotonic()
        has_lock.set()
        time.sleep(seconds)
        spans.put((start, time.monotonic()))


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a process which holds the lock for some seconds and then queues its time span."""
    context = multiprocessing.get_context("spawn")
    spans, started = context.Queue(), []

    def start_one(seconds):
        has_lock = context.Event()
        process = context.Process(target=_work, args=(tmp_path / "lock", spans, seconds, has_lock))
        process.start()
        started.append((process, has_lock))  # keeps the event alive until the process has received it
        return process, spans, has_lock

    yield start_one
    for process, _ in started:
        process.kill()
        process.join()


def test_processes_started_together_hold_the_lock_one_after_the_other(start):
    for _ in range(5):
        _, spans, _ = start(0.1)

    ends = sorted(spans.get(timeout=600) for _ in range(5))

    assert all(end <= begin for (_, end), (begin, _) in pairwise(ends))


def test_a_killed_process_releases_the_lock_and_the_waiting_one_says_that_it_waits(start, tmp_path, monkeypatch):
    monkeypatch.setattr(machine_lock, "MESSAGE_SECONDS", 0.05)
    process, _, has_lock = start(600)
    messages = []

    def on_wait(text):
        messages.append(text)
        if len(messages) == 2:
            process.kill()

    assert has_lock.wait(timeout=600)
    with hold_machine_lock(tmp_path / "lock", on_wait=on_wait):
        pass

    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert messages[0].endswith("waiting for it to end")


def test_an_error_in_the_block_releases_the_lock(tmp_path):
    with pytest.raises(ZeroDivisionError), hold_machine_lock(tmp_path / "lock", on_wait=print):
        _ = 1 / 0

    with hold_machine_lock(tmp_path / "lock", on_wait=lambda _: pytest.fail("it waits")):
        pass


def test_the_private_folder_has_permissions_for_its_user_alone(tmp_path):
    folder = make_private_folder(tmp_path)

    assert make_private_folder(tmp_path) == folder
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_private_folder_with_permissions_for_others_is_an_error(tmp_path):
    make_private_folder(tmp_path).chmod(0o777)

    with pytest.raises(StorageError, match="not a folder of this user alone.*PERSONA_LOCK_DIR"):
        make_private_folder(tmp_path)


@pytest.mark.parametrize("there", ["a link to a folder", "a dangling link", "a file"])
def test_a_link_or_a_file_in_place_of_the_private_folder_is_an_error(there, tmp_path):
    folder, elsewhere = tmp_path / f"persona_assets-lock-{os.geteuid()}", tmp_path / "elsewhere"
    if there == "a file":
        folder.touch()
    else:
        folder.symlink_to(elsewhere)
    if there == "a link to a folder":
        elsewhere.mkdir(mode=0o700)

    with pytest.raises(StorageError, match="PERSONA_LOCK_DIR"):
        make_private_folder(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a folder away needs root")
def test_a_private_folder_of_another_user_is_an_error(tmp_path):
    os.chown(make_private_folder(tmp_path), 1, 1)

    with pytest.raises(StorageError, match="PERSONA_LOCK_DIR"):
        make_private_folder(tmp_path)


def test_a_lock_file_that_is_a_link_is_an_error(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "of somebody")

    with (
        pytest.raises(StorageError, match="lock cannot be opened.*PERSONA_LOCK_DIR"),
        hold_machine_lock(tmp_path / "lock", on_wait=print),
    ):
        pass

    assert not (tmp_path / "of somebody").exists()
