"""What is said when a disk is full."""

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager

from persona_assets.errors import StorageError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def explaining_full_disk(place: object) -> Generator[None]:
    """Turn "no space left" into an error that says where, `place`, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise describe_full_disk(place) from error


def is_about_full_disk(error: Exception) -> bool:
    """Tell from its words whether an error that is no `OSError` was made from one about a full disk."""
    return any(os.strerror(number) in str(error) for number in _FULL)


def describe_full_disk(place: object) -> StorageError:
    """Return the error that says that no space is left at `place`."""
    return StorageError(
        f"no space left while writing {place}: nothing of it was kept; free space there or set "
        f"PERSONA_DATA (assets) and TMPDIR (scratch) to a disk with more"
    )
