"""One at a time on this machine: steps that would fill its GPU, or all of its cores."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

# How long a step waits before it says so again.
REMIND_SECONDS = 60.0


@contextmanager
def take_turn(lock: Path, *, log: Callable[[str], None]) -> Generator[None]:
    """Wait until no other process of this machine is inside, whoever's it is, and keep the others out.

    The operating system lets go of the lock when its process ends, however it ends.

    Args:
        lock: A file on a local disk, which need not be there; it stays.
        log: Is told, once a minute, that the step waits.
    """
    turn, seconds = FileLock(lock, mode=0o666), 0.0
    while not _acquire(turn, seconds):
        log("another step works on this machine's GPU or all of its cores: waiting for it to end")
        seconds = REMIND_SECONDS
    try:
        yield
    finally:
        turn.release()


def _acquire(turn: FileLock, seconds: float) -> bool:
    try:
        turn.acquire(timeout=seconds)
    except Timeout:
        return False
    return True
