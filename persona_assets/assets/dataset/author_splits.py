"""Split lines by a keyed hash of their author. TEMPORARY: `splits.split_lines` takes its place."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc


class LineSplits(NamedTuple):
    """The split of each line, and the numbers of lines."""

    lines: pa.Table  # line_id, split, dropped_reason
    read: int
    kept: dict[str, int]
    dropped: dict[str, int]


def split_lines(batches: Iterable[pa.RecordBatch], *, seed: int) -> LineSplits:
    """Return the split of each line: all lines of one author are in one split."""
    key = hashlib.blake2b(f"author {seed}".encode()).digest()
    ids: list[pa.Array] = []
    names: list[str] = []
    splits: dict[str, str] = {}
    for batch in batches:
        ids.append(batch["line_id"])
        for author in pc.list_element(batch["users"], 0).to_pylist():
            if author not in splits:
                number = hashlib.blake2b(author.encode(), key=key, digest_size=8).digest()[0] % 10
                splits[author] = "validation" if number == 0 else "test" if number == 1 else "train"
            names.append(splits[author])
    lines = pa.table(
        {
            "line_id": pa.chunked_array(ids, pa.int64()),
            "split": pa.array(names, pa.string()),
            "dropped_reason": pa.nulls(len(names), pa.string()),
        }
    )
    return LineSplits(lines, len(names), dict(Counter(names)), {})
