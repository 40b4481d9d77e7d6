"""Look up numbers by hash, in sorted arrays: 12 bytes an entry, where a dictionary of Python takes 170."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from persona_assets.assets.dataset.keyed_hash import Hashes

Int32Array = npt.NDArray[np.int32]

# What `HashIndex.find` returns for a hash that was not added.
MISSING = -2


class HashIndex:
    """Map from 64-bit hashes to 32-bit numbers in sorted arrays, 12 bytes an entry.

    Adding costs a copy of the index, so that it is done by the batch.
    """

    def __init__(self) -> None:
        """Create an empty index."""
        self.keys: Hashes = np.empty(0, np.uint64)  # ascending
        self.values: Int32Array = np.empty(0, np.int32)

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.keys)

    def find(self, hashes: Hashes) -> Int32Array:
        """Return the number that was added with each hash, `MISSING` for hashes without one."""
        if not len(self.keys):
            return np.full(len(hashes), MISSING, np.int32)
        places = np.minimum(np.searchsorted(self.keys, hashes), len(self.keys) - 1)
        return np.where(self.keys[places] == hashes, self.values[places], np.int32(MISSING))

    def add(self, hashes: Hashes, numbers: Int32Array) -> None:
        """Add hashes with their numbers; the hashes are distinct, ascending and new to the index.

        Args:
            hashes: uint64 `(n,)`.
            numbers: int32 `(n,)`, anything but `MISSING`.
        """
        places = np.searchsorted(self.keys, hashes)
        self.keys = np.insert(self.keys, places, hashes)
        self.values = np.insert(self.values, places, numbers)
