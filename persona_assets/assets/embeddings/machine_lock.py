"""A lock file, so that one embedding step at a time uses the GPU, or all cores, of this machine."""

import os
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from persona_assets.errors import StorageError

# Seconds between two messages that the step still waits.
MESSAGE_SECONDS = 60.0

_REMEDY = (
    "set PERSONA_LOCK_DIR to a folder of your own on a local disk, or make the one that is shared writable and setgid "
    "for your group"
)


def needs_machine_lock(executor: str) -> bool:
    """Return whether `executor` runs steps on this machine, where no scheduler assigns the GPU and cores."""
    return executor in {"in_process", "multiprocess"}


def make_private_folder(parent: Path) -> Path:
    """Create a folder in `parent`, such as /tmp, that only the current user can access (mode 0700), and return it.

    Raises:
        StorageError: The folder cannot be created. Or its path is a link, is no folder, belongs to another user, or has
            permissions for others.
    """
    folder = parent / f"persona_assets-lock-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StorageError(f"{folder} cannot be made ({error.strerror}): {_REMEDY}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise StorageError(f"{folder} is not a folder of this user alone, so it is not used for the lock: {_REMEDY}")
    return folder


def make_lock_folder(folder: Path) -> Path:
    """Create the folder for the lock file that the setting `lock_dir` names, if it is missing, and return it.

    Raises:
        StorageError: The folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"PERSONA_LOCK_DIR={folder} cannot be made ({error.strerror}): {_REMEDY}") from error
    return folder


@contextmanager
def hold_machine_lock(lock: Path, *, on_wait: Callable[[str], None]) -> Generator[None]:
    """Hold an exclusive file lock while the block runs; `on_wait` is called if another process holds it.

    The operating system releases the lock when the process ends, also if it is killed.

    Args:
        lock: The lock file, on a local disk. It is created if necessary, and is not deleted. Links are not followed.
        on_wait: Called with a message when the wait begins, and then once a minute.

    Raises:
        StorageError: The lock file cannot be opened.
    """
    # Mode 0660: everyone who may write to the folder can use the lock, its owner alone or a group.
    file_lock, seconds = FileLock(lock, mode=0o660), 0.0
    while not _acquire(file_lock, lock, seconds):
        on_wait(f"another step uses this machine's GPU or all of its cores ({lock} is locked): waiting for it to end")
        seconds = MESSAGE_SECONDS
    try:
        yield
    finally:
        file_lock.release()


def _acquire(file_lock: FileLock, lock: Path, seconds: float) -> bool:
    """Return whether the lock was acquired within `seconds`."""
    try:
        file_lock.acquire(timeout=seconds)
    except Timeout:
        return False
    except OSError as error:
        raise StorageError(f"the lock file {lock} cannot be opened ({error.strerror}): {_REMEDY}") from error
    return True
