"""Allocate arrays that may exceed the memory limit: in memory if they fit, else in a file that is mapped to memory."""

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from persona_assets.common.full_disk import explaining_full_disk


def allocate_zeros(shape: tuple[int, int], *, max_bytes: int, scratch: Path) -> npt.NDArray[np.float64]:
    """Return a float64 array of zeros, in memory if it has at most `max_bytes`, else in a file in `scratch`.

    The pages of a mapped file do not count against the memory that a step is allowed: the system writes them to the
    file and frees them when memory is short. The file has no name and is gone when the array is.

    Args:
        shape: Rows and columns.
        max_bytes: Maximum bytes of an array in memory.
        scratch: An existing folder, with room for the array.

    Raises:
        StorageError: The disk of `scratch` has no room for the array.
    """
    size = shape[0] * shape[1] * 8
    if size <= max_bytes:
        return np.zeros(shape)
    with explaining_full_disk(scratch), tempfile.TemporaryFile(dir=scratch) as file:
        # Reserved now: a write to a page for which the disk has no room would kill the process.
        os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, np.float64, "r+", shape=shape).view(np.ndarray)
