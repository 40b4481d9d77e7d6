"""One at a time on this machine: steps that would fill its GPU, or all of its cores."""

import os
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from persona_assets.errors import StorageError

# How long a step waits before it says so again.
REMIND_SECONDS = 60.0

_REMEDY = (
    "set PERSONA_LOCK_DIR to a folder of your own on a local disk, or make the one that is shared writable and setgid "
    "for your group"
)


def needs_machine_lock(executor: str) -> bool:
    """Say whether steps of this executor share a machine that no scheduler gives out."""
    return executor in {"in_process", "multiprocess"}


def make_own_folder(below: Path) -> Path:
    """Return a folder below a shared one that no other user can put a file into.

    Raises:
        StorageError: What has its name is a link or no folder, belongs to another user, or is open to others.
    """
    folder = below / f"persona_assets-lock-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StorageError(f"{folder} cannot be made ({error.strerror}): {_REMEDY}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise StorageError(f"{folder} is not a folder of this user alone, so it is not used for the lock: {_REMEDY}")
    return folder


def make_folder(folder: Path) -> Path:
    """Return a folder that the user has named, made if it is not there.

    Raises:
        StorageError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"PERSONA_LOCK_DIR={folder} cannot be made ({error.strerror}): {_REMEDY}") from error
    return folder


@contextmanager
def hold_machine_lock(lock: Path, *, log: Callable[[str], None]) -> Generator[None]:
    """Wait until no other process of this machine is inside, and keep the others out.

    The operating system lets go of the lock when its process ends, however it ends.

    Args:
        lock: A file on a local disk, which need not be there; it stays. Links are not followed.
        log: Is told, once a minute, that the step waits.

    Raises:
        StorageError: The file cannot be opened.
    """
    # Who may write to the folder may take turns: a group that shares one, or its owner alone.
    turn, seconds = FileLock(lock, mode=0o660), 0.0
    while not _acquire(turn, lock, seconds):
        log(f"another step works on this machine's GPU or all of its cores ({lock} is locked): waiting for it to end")
        seconds = REMIND_SECONDS
    try:
        yield
    finally:
        turn.release()


def _acquire(turn: FileLock, lock: Path, seconds: float) -> bool:
    try:
        turn.acquire(timeout=seconds)
    except Timeout:
        return False
    except OSError as error:
        raise StorageError(f"the lock file {lock} cannot be opened ({error.strerror}): {_REMEDY}") from error
    return True
