"""What is said when a disk is full."""

import errno
from collections.abc import Generator
from contextlib import contextmanager

from persona_assets.errors import StorageError


@contextmanager
def explaining_full_disk(place: object) -> Generator[None]:
    """Turn "no space left" into an error that says where, `place`, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageError(
            f"no space left while writing {place}: nothing of it was kept; free space there or set "
            f"PERSONA_DATA (assets) and TMPDIR (scratch) to a disk with more"
        ) from error
