"""Count what two splits share: users, first and quoted posts, texts; and compare their times.

The scan knows nothing of how a split was made. It compares identifiers and texts in full, where the split compares
hashes.
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

from persona_assets.assets.dataset.forms import SPLITS
from persona_assets.assets.dataset.normalise import count_words, normalise_text
from persona_assets.common.database import open_duckdb
from persona_assets.common.progress import phase

_KINDS = ("users", "threads", "texts")
_HOUR_US = 3_600_000_000
_NO_SPLIT = -1

CREATE_VALUES = "CREATE TABLE {kind} (value VARCHAR, split TINYINT)"
INSERT_VALUES = "INSERT INTO {kind} SELECT DISTINCT value, split FROM batch"
SELECT_TEXTS = "SELECT DISTINCT value, split FROM texts"
COUNT_SHARED = """
    SELECT count(*), count(*) FILTER (WHERE splits > 1)
    FROM (SELECT value, count(DISTINCT split) AS splits FROM {kind} GROUP BY value)
"""


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
    with phase("looking for leaks"), open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
        for kind in (*_KINDS, "normalised"):
            con.execute(CREATE_VALUES.format(kind=kind))
        for batch in batches:
            split = _look_up(batch["line_id"].to_numpy(), ids, numbers)
            for kind in _KINDS:
                _insert(con, kind, _pair_values(batch[kind], split))
            _extend_times(batch, split, first, last)
        _insert_normalised(con, min_words)
        users, threads, texts = (
            SharedCounts(*con.sql(COUNT_SHARED.format(kind=kind)).fetchall()[0])
            for kind in ("users", "threads", "normalised")
        )
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


def _pair_values(lists: pa.ListArray, split: npt.NDArray[np.int8]) -> pa.Table:
    rows = pc.list_parent_indices(lists).to_numpy()
    pairs = pa.table({"value": pc.list_flatten(lists), "split": split[rows]})
    return pairs.filter(pc.and_(pc.greater_equal(pairs["split"], 0), pc.is_valid(pairs["value"])))


def _insert(con: duckdb.DuckDBPyConnection, kind: str, pairs: pa.Table) -> None:
    con.register("batch", pairs)
    con.execute(INSERT_VALUES.format(kind=kind))
    con.unregister("batch")


def _insert_normalised(con: duckdb.DuckDBPyConnection, min_words: int) -> None:
    # A cursor of its own, as rows are inserted while the distinct texts are read.
    with con.cursor() as cursor:
        for batch in cursor.sql(SELECT_TEXTS).to_arrow_reader(100_000):
            normalised = [normalise_text(text) for text in batch["value"].to_pylist()]
            is_long = pa.array([count_words(text) >= min_words for text in normalised], pa.bool_())
            pairs = pa.table({"value": pa.array(normalised, pa.string()), "split": batch["split"]})
            _insert(con, "normalised", pairs.filter(is_long))


def _extend_times(
    batch: pa.RecordBatch, split: npt.NDArray[np.int8], first: dict[str, int], last: dict[str, int]
) -> None:
    starts, ends = batch["first_time_us"].to_numpy(), batch["last_time_us"].to_numpy()
    for number, name in enumerate(SPLITS):
        chosen = split == number
        if chosen.any():
            first[name] = min(first.get(name, int(starts[chosen].min())), int(starts[chosen].min()))
            last[name] = max(last.get(name, int(ends[chosen].max())), int(ends[chosen].max()))
