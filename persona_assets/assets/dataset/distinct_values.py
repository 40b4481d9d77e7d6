"""Number the distinct values of columns of lists, each value of a dictionary once.

Columns are lists of dictionary values, such as all users or all messages, so that a batch of lines has numbers alone,
and strings are hashed once and not once a line.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.dataset.hash_index import MISSING, HashIndex
from persona_assets.assets.dataset.keyed_hash import Hashes, hash_values

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

# A list of strings as numbers in a dictionary, which may have a string more than once.
STRINGS = pa.list_(pa.dictionary(pa.int32(), pa.large_string()))
_PAIR = 2


class DistinctValues:
    """The distinct values of a column of lists, numbered from 0 in the order of their first occurrence, by hash."""

    def __init__(self, key: bytes) -> None:
        """Know no value; `key` is that of the hashes."""
        self._key = key
        self._index = HashIndex()
        self._dictionary: pa.LargeStringArray = pa.array([], pa.large_string())
        # The number of each value of the present dictionary, or MISSING.
        self._numbers = np.empty(0, np.int32)

    def read(self, lists: pa.ListArray) -> tuple[Int64Array, Int32Array, list[str]]:
        """Number the values of a column of lists.

        Args:
            lists: `STRINGS`. Its dictionary is hashed as far as values occur, and not again while it stays the same.

        Returns:
            For each distinct value of each list, in the order of their first places: its row and its number. And the
            values that occur for the first time, in the order of their numbers.
        """
        rows, places, dictionary = flatten_lists(lists)
        if not is_same_array(dictionary, self._dictionary):
            self._dictionary, self._numbers = dictionary, np.full(len(dictionary), MISSING, np.int32)
        new = self._add(np.unique(places[self._numbers[places] == MISSING]))
        numbers = self._numbers[places]
        chosen = find_first_places(rows, numbers)
        return rows[chosen], numbers[chosen], new

    def _add(self, places: Int32Array) -> list[str]:
        """Number values of the present dictionary, and return those that are new, in the order of their numbers."""
        values = self._dictionary.take(pa.array(places))
        hashes = hash_values(values, self._key)
        distinct, first = np.unique(hashes, return_index=True)
        is_new = self._index.find(distinct) == MISSING
        n_known = len(self._index)
        self._index.add(distinct[is_new], np.arange(n_known, n_known + is_new.sum(), dtype=np.int32))
        self._numbers[places] = self._index.find(hashes)
        return values.take(pa.array(first[is_new])).to_pylist()

    def rank(self) -> tuple[Hashes, Int32Array]:
        """Return the hashes of all values, ascending, and for each number the place of its hash among them."""
        keys, numbers = self._index.entries()
        ranks = np.empty(len(keys), np.int32)
        ranks[numbers] = np.arange(len(keys), dtype=np.int32)
        return keys, ranks


def flatten_lists(lists: pa.ListArray) -> tuple[Int64Array, Int32Array, pa.LargeStringArray]:
    """Return the row of each value of `STRINGS`, its place in the dictionary, and this; nulls are left out."""
    rows = pc.list_parent_indices(lists).to_numpy()
    values = pc.list_flatten(lists)
    if values.null_count:
        rows, values = rows[pc.is_valid(values).to_numpy(zero_copy_only=False)], values.drop_null()
    return rows, values.indices.to_numpy(), values.dictionary


def is_same_array(one: pa.LargeStringArray, other: pa.LargeStringArray) -> bool:
    """Say whether two arrays are the same memory, so that places in one are places in the other."""

    def locate(array: pa.LargeStringArray) -> tuple[int | None, ...]:
        return (len(array), array.offset, *(buffer and buffer.address for buffer in array.buffers()))

    return locate(one) == locate(other)


def find_first_places(rows: Int64Array, numbers: Int32Array) -> Int64Array:
    """Return where each number of each row occurs first, ascending: int64 `(n_distinct,)`.

    Args:
        rows: `(n,)`, ascending.
        numbers: `(n,)`, at least 0.
    """
    # Most rows have one or two numbers, and are done when equal neighbours are.
    chosen = np.flatnonzero(np.append(True, (rows[1:] != rows[:-1]) | (numbers[1:] != numbers[:-1]))[: len(rows)])
    starts = np.flatnonzero(np.append(True, rows[chosen[1:]] != rows[chosen[:-1]])[: len(chosen)])
    sizes = np.diff(starts, append=len(chosen))
    is_long = np.repeat(sizes > _PAIR, sizes)
    several = chosen[is_long]
    if not len(several):
        return chosen
    pairs = rows[several] * (int(numbers[several].max()) + 1) + numbers[several]
    is_first = np.zeros(len(several), bool)
    is_first[np.unique(pairs, return_index=True)[1]] = True
    return np.sort(np.append(chosen[~is_long], several[is_first]))
