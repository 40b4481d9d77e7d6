"""Count what two splits share: users, first and quoted posts, texts; and compare their times.

The scan knows nothing of how a split was made. It compares identifiers and texts in full, where the split compares
hashes. A value of a dictionary is compared once, with all the splits that its lines are in.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.dataset.distinct_values import flatten_lists, is_same_array
from persona_assets.assets.dataset.forms import SPLITS
from persona_assets.assets.dataset.normalise import count_words, normalise_texts
from persona_assets.common.database import open_duckdb
from persona_assets.common.progress import phase

_KINDS = ("users", "threads", "texts")
_HOUR_US = 3_600_000_000
_NO_SPLIT = -1

# Bit n of `splits` says whether the value is in split n.
CREATE_VALUES = "CREATE TABLE {kind} (value VARCHAR, splits UTINYINT)"
INSERT_VALUES = "INSERT INTO {kind} SELECT value, splits FROM batch"
COUNT_SHARED = """
    SELECT count(*), count(*) FILTER (WHERE bit_count(splits) > 1)
    FROM (SELECT value, bit_or(splits) AS splits FROM {kind} GROUP BY value)
"""
# Values that are compared at a time.
_VALUES_PER_BATCH = 50_000


class SharedCounts(NamedTuple):
    """Number of distinct values, and how many of them occur in more than one split."""

    distinct: int
    shared: int


class Leaks(NamedTuple):
    """Users, threads and texts shared between splits, and the first and last time of each split.

    Lines without a split are not looked at.
    """

    users: SharedCounts
    threads: SharedCounts  # first posts of threads, and quoted posts
    texts: SharedCounts  # normalised texts with enough words
    first_time_us: dict[str, int]  # by split; splits without lines are left out
    last_time_us: dict[str, int]


def find_leaks(
    batches: Iterable[pa.RecordBatch],
    line_splits: pa.Table,
    *,
    min_words: int,
    memory_limit: str,
    scratch: Path,
) -> Leaks:
    """Count the users, threads and texts that occur in more than one split, and find the times of each split.

    Args:
        batches: `line_graph.LINES`, read once.
        line_splits: `line_id` and `split` of each line; lines that it lacks have no split.
        min_words: Texts with fewer words are not compared.
        memory_limit: Memory of DuckDB, such as "2GB"; beyond it, values spill to `scratch`.
        scratch: An existing folder.
    """
    order = np.argsort(line_splits["line_id"].to_numpy())
    ids, numbers = line_splits["line_id"].to_numpy()[order], _number_splits(line_splits["split"])[order]
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    beside = line_splits.nbytes + ids.nbytes + order.nbytes
    with (
        phase("looking for leaks"),
        open_duckdb(memory_limit=memory_limit, scratch=scratch, bytes_beside=beside) as con,
    ):
        scans = {kind: _Scan(con, kind, min_words) for kind in _KINDS}
        for batch in batches:
            split = _look_up(batch["line_id"].to_numpy(), ids, numbers)
            for kind, scan in scans.items():
                scan.add(batch[kind], split)
            _extend_times(batch, split, first, last)
        users, threads, texts = (scan.count() for scan in scans.values())
    return Leaks(users, threads, texts, first, last)


def describe_leaks(
    leaks: Leaks, *, in_time_order: bool, gap_hours: float = 0, hold_out_users: bool = True
) -> list[str]:
    """Return one sentence for each kind of leak, with numbers and without ids or texts; [] if there is none.

    Args:
        leaks: What `find_leaks` returned.
        in_time_order: Whether train must end before validation begins, and validation before test.
        gap_hours: Minimum hours between them.
        hold_out_users: Whether users may be in one split only.
    """
    shared = {"users": leaks.users.shared if hold_out_users else 0, "threads or quoted posts": leaks.threads.shared}
    shared["texts"] = leaks.texts.shared
    found = [f"{number:,} {name} are in more than one split" for name, number in shared.items() if number]
    if in_time_order:
        present = [split for split in SPLITS if split in leaks.first_time_us]
        for earlier, later in pairwise(present):
            hours = (leaks.first_time_us[later] - leaks.last_time_us[earlier]) / _HOUR_US
            if hours <= 0 or hours < gap_hours:
                found.append(f"{later} begins {hours:.2f} hours after {earlier} ends; at least {gap_hours:g} are asked")
    return found


def _number_splits(names: pa.ChunkedArray) -> npt.NDArray[np.int8]:
    found = pc.index_in(pc.cast(names, pa.string()), pa.array(SPLITS))
    return found.fill_null(_NO_SPLIT).to_numpy().astype(np.int8)


def _look_up(
    line_ids: npt.NDArray[np.int64], ids: npt.NDArray[np.int64], numbers: npt.NDArray[np.int8]
) -> npt.NDArray[np.int8]:
    """Return the split of each line; `ids` is sorted."""
    if not len(ids):
        return np.full(len(line_ids), _NO_SPLIT, np.int8)
    places = np.minimum(np.searchsorted(ids, line_ids), len(ids) - 1)
    return np.where(ids[places] == line_ids, numbers[places], _NO_SPLIT)


class _Scan:
    """The splits of the values of one kind. Those of a dictionary go to a table of DuckDB when another one begins."""

    def __init__(self, con: duckdb.DuckDBPyConnection, kind: str, min_words: int) -> None:
        self._con, self._kind, self._min_words = con, kind, min_words
        self._dictionary: pa.LargeStringArray = pa.array([], pa.large_string())
        self._splits = np.empty(0, np.uint8)
        con.execute(CREATE_VALUES.format(kind=kind))

    def add(self, lists: pa.ListArray, split: npt.NDArray[np.int8]) -> None:
        """Add the values of lines; `split` is that of each line."""
        rows, places, dictionary = flatten_lists(lists)
        if not is_same_array(dictionary, self._dictionary):
            self._insert()
            self._dictionary, self._splits = dictionary, np.zeros(len(dictionary), np.uint8)
        of_value = split[rows]
        for number in range(len(SPLITS)):
            self._splits[places[of_value == number]] |= 1 << number

    def count(self) -> SharedCounts:
        """Compare all values."""
        self._insert()
        return SharedCounts(*self._con.sql(COUNT_SHARED.format(kind=self._kind)).fetchall()[0])

    def _insert(self) -> None:
        used = np.flatnonzero(self._splits)
        for start in range(0, len(used), _VALUES_PER_BATCH):
            places = used[start : start + _VALUES_PER_BATCH]
            values = pa.table({"value": self._dictionary.take(pa.array(places)), "splits": self._splits[places]})
            self._con.register("batch", _normalise(values, self._min_words) if self._kind == "texts" else values)
            self._con.execute(INSERT_VALUES.format(kind=self._kind))
            self._con.unregister("batch")


def _normalise(values: pa.Table, min_words: int) -> pa.Table:
    """Return normalised texts in place of texts, those of at least `min_words` words."""
    texts = normalise_texts(values["value"].to_pylist())
    is_long = pa.array([count_words(text) >= min_words for text in texts], pa.bool_())
    return values.set_column(0, "value", pa.array(texts, pa.string())).filter(is_long)


def _extend_times(
    batch: pa.RecordBatch, split: npt.NDArray[np.int8], first: dict[str, int], last: dict[str, int]
) -> None:
    starts, ends = batch["first_time_us"].to_numpy(), batch["last_time_us"].to_numpy()
    for number, name in enumerate(SPLITS):
        chosen = split == number
        if chosen.any():
            first[name] = min(first.get(name, int(starts[chosen].min())), int(starts[chosen].min()))
            last[name] = max(last.get(name, int(ends[chosen].max())), int(ends[chosen].max()))
