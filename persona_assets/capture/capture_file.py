"""A file of a capture. Importing it loads no library for remote storage: that takes a fifth of a worker's start."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from upath import UPath


class CaptureFile(NamedTuple):
    """A file of one day in the capture; `problem` says why it cannot be opened, None if it can."""

    path: Path | UPath  # a plain Path if it is local, whose pickle needs no other library
    name: str  # path relative to the capture's root, with "/"; backslashes and bytes that are not UTF-8 are escaped
    size: int  # bytes
    problem: str | None = None  # why it cannot be read, if listing the folder already shows that
    hour: int | None = None  # hour of the day (0 to 23), if the name of a folder or of the file shows it

    def open(self) -> BinaryIO:
        """Open the file for reading, but only if it is a regular file: a pipe or device may never end.

        Raises:
            OSError: It cannot be opened, or is not a regular file.
        """
        if not isinstance(self.path, Path):
            return self.path.open("rb")
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "Not a regular file")
        return os.fdopen(descriptor, "rb", buffering=0)
