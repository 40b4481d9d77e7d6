"""Name users in a data set: by keyed pseudonyms, or numbered in each line where there is no key."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.dataset.chat_turns import number_users
from persona_assets.assets.dataset.line_batches import LineBatch
from persona_assets.pseudonyms import PseudonymKey, Scope, make_pseudonyms

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]


def build_user_namer(
    users: pa.StringArray, *, scope: Scope, key: PseudonymKey | None, release: str, persona: Callable[[int], str]
) -> Callable[[LineBatch, Int32Array, Int64Array], pa.StringArray]:
    """Build a function that names the users of lines: by pseudonyms or, without a key, by number.

    It takes a batch, `(n,)` numbers of users, and `(n,)` rows of the batch: the line in which each is named.

    Args:
        users: Ids by number.
        scope: What a pseudonym stays the same in.
        key: The key; None numbers the users of each line, its author first, which needs scope `line`.
        release: Name of the release.
        persona: Returns the name of the persona of a cluster.

    Raises:
        ValueError: There is no key, and the scope is another than `line`.
    """
    if key is None:
        if scope != "line":
            raise ValueError("pseudonyms beyond a line need a key")
        return _number

    def name(batch: LineBatch, numbers: Int32Array, rows: Int64Array) -> pa.StringArray:
        parts = None
        if scope == "persona":
            parts = [persona(batch.cluster_id)] * len(numbers)
        elif scope == "line":
            parts = [str(line) for line in batch.line_ids[rows].tolist()]
        distinct = pa.array(numbers).dictionary_encode()
        ids = users.take(distinct.dictionary).take(distinct.indices).to_pylist()
        return pa.array(make_pseudonyms(ids, key=key, release=release, scope=scope, parts=parts), pa.string())

    return name


def _number(batch: LineBatch, numbers: Int32Array, rows: Int64Array) -> pa.StringArray:
    """Name the author of each line `user_0`, and others in the order of their appearance."""
    others = numbers != batch.authors[rows]
    found = np.zeros(len(numbers), np.int64)
    if others.any():
        found[others] = number_users(rows[others], numbers[others])
    return pc.binary_join_element_wise("user_", pa.array(found).cast(pa.string()), "")
