"""Look up numbers by hash, in sorted arrays: 12 bytes an entry, where a dictionary of Python takes 170."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.assets.dataset.keyed_hash import Hashes

Int32Array = npt.NDArray[np.int32]

# What `HashIndex.find` returns for a hash that was not added.
MISSING = -2


class HashIndex:
    """Map from 64-bit hashes to 32-bit numbers in sorted arrays, 12 bytes an entry.

    Entries are added by the batch. Each array is more than twice as long as the next one: two that are not are merged,
    so that an entry is copied about as often as the logarithm of their number.
    """

    def __init__(self) -> None:
        """Create an empty index."""
        self._parts: list[_Entries] = []

    def __len__(self) -> int:
        """Return the number of entries."""
        return sum(len(part.keys) for part in self._parts)

    def find(self, hashes: Hashes) -> Int32Array:
        """Return the number that was added with each hash, `MISSING` for hashes without one."""
        found = np.full(len(hashes), MISSING, np.int32)
        lacking = np.arange(len(hashes))
        for part in self._parts:
            found[lacking] = part.find(hashes[lacking])
            lacking = lacking[found[lacking] == MISSING]
        return found

    def add(self, hashes: Hashes, numbers: Int32Array) -> None:
        """Add hashes with their numbers; the hashes are distinct, ascending and new to the index.

        Args:
            hashes: uint64 `(n,)`.
            numbers: int32 `(n,)`, anything but `MISSING`.
        """
        if len(hashes):
            self._parts.append(_Entries(hashes, numbers))
        while len(self._parts) > 1 and len(self._parts[-2].keys) <= 2 * len(self._parts[-1].keys):
            self._merge_last()

    def entries(self) -> tuple[Hashes, Int32Array]:
        """Return all hashes, ascending, and their numbers."""
        while len(self._parts) > 1:
            self._merge_last()
        return self._parts[0] if self._parts else _Entries(np.empty(0, np.uint64), np.empty(0, np.int32))

    def _merge_last(self) -> None:
        last = self._parts.pop()
        self._parts[-1] = self._parts[-1].merge(last)


class _Entries(NamedTuple):
    """Hashes, ascending, and their numbers; at least one."""

    keys: Hashes
    values: Int32Array

    def find(self, hashes: Hashes) -> Int32Array:
        places = np.minimum(np.searchsorted(self.keys, hashes), len(self.keys) - 1)
        return np.where(self.keys[places] == hashes, self.values[places], np.int32(MISSING))

    def merge(self, others: _Entries) -> _Entries:
        places = np.searchsorted(self.keys, others.keys)
        return _Entries(np.insert(self.keys, places, others.keys), np.insert(self.values, places, others.values))
