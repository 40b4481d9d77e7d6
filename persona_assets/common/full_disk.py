"""Turn "no space left" errors into a `StorageError` that names the place and the remedy."""

import errno
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager

from persona_assets.errors import StorageError

_FULL_DISK_ERRNOS = (errno.ENOSPC, errno.EDQUOT)


def full_disk_error(place: object) -> StorageError:
    """Build the `StorageError` that says that the disk of `place` is full and what to do."""
    return StorageError(
        f"no space left while writing {place}: nothing of it was kept; free space there or set "
        f"PERSONA_DATA (assets) and TMPDIR (scratch) to a disk with more"
    )


@contextmanager
def explaining_full_disk(
    place: object, *, describe: Callable[[object], StorageError] = full_disk_error
) -> Generator[None]:
    """Raise a `StorageError` that names `place` when the block runs out of disk space or quota.

    Args:
        place: What is written to.
        describe: Returns the error for a full disk at a place.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL_DISK_ERRNOS:
            raise
        raise describe(place) from error


def is_about_full_disk(error: Exception) -> bool:
    """Return whether the message of any exception, such as DuckDB's, says that a disk is full."""
    return any(os.strerror(number) in str(error) for number in _FULL_DISK_ERRNOS)
