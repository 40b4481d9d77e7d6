"""Turn a day's events into the actions of users, each told once."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.user_actions.classify import NO_ACTION, classify_events, find_codes
from persona_assets.assets.user_actions.deduplicate import find_repeats
from persona_assets.assets.user_actions.event_order import follows, scan, sort_events
from persona_assets.assets.user_actions.partition import ActionSpool
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.provenance import Provenance, with_provenance


class Extract(NamedTuple):
    """A day's actions, and what became of the other events: read = actions + duplicates + no action."""

    user_actions: Path  # tables.USER_ACTIONS (and the day), by action, then as in tables.RAW_EVENTS
    read: int
    actions: Counter[str]
    duplicates: int
    no_action: Counter[str]  # by "collection operation", or by kind


class _NotInOrderError(Exception):
    """The events are not sorted."""


def extract_actions(
    raw_events: pads.Dataset,
    *,
    memory_limit: str,
    scratch: Path,
    day: dt.date | None = None,
    provenance: Provenance | None = None,
) -> Extract:
    """Return the actions in `raw_events`, each told once, at its earliest time.

    Events need no sorting when they come sorted by all columns, as the asset has them: actions of one kind are
    then in order as they are met. Otherwise they are sorted first.

    Args:
        raw_events: `tables.RAW_EVENTS`; the result does not depend on its order.
        memory_limit: Of folding and, where it is needed, of sorting; beyond it they spill to `scratch`.
        scratch: An empty folder for about the bytes of the actions.
        day: The partition, if the file is to have its column.
        provenance: How the table was made, as its file is to say.

    Returns:
        The table, in `scratch`, and counts. Memory beside `memory_limit` does not grow with the day.

    Raises:
        StorageError: The disk of `scratch` is full.
    """
    with explaining_full_disk(scratch):
        try:
            return _extract(raw_events, memory_limit, scratch, day, provenance)
        except _NotInOrderError:
            ordered = sort_events(raw_events, memory_limit=memory_limit, scratch=scratch)
            return _extract(ordered, memory_limit, scratch, day, provenance)


def _extract(
    raw_events: pads.Dataset, memory_limit: str, scratch: Path, day: dt.date | None, provenance: Provenance | None
) -> Extract:
    repeats = find_repeats(raw_events, memory_limit=memory_limit, scratch=scratch)
    read = 0
    actions: Counter[str] = Counter()
    no_action: Counter[str] = Counter()
    spool = ActionSpool(scratch)
    for batch in _in_order(raw_events):
        told = np.ones(len(batch), dtype=bool)
        first, last = np.searchsorted(repeats, [read, read + len(batch)])
        told[repeats[first:last] - read] = False
        codes = find_codes(batch)
        no_action += _count_others(batch, told & (codes == NO_ACTION))
        codes[~told] = NO_ACTION
        named = classify_events(batch, codes)
        for code, number in zip(*np.unique(named.codes, return_counts=True), strict=True):
            actions[tables.ACTIONS[code]] += int(number)
        spool.add(named)
        read += len(batch)
    where = scratch / "user_actions.parquet"
    write_parquet(where, with_provenance(tables.USER_ACTIONS, provenance), spool.read(), day=day)
    return Extract(where, read, actions, len(repeats), no_action)


def _in_order(raw_events: pads.Dataset) -> Iterator[pa.RecordBatch]:
    """Yield batches of events as long as they are sorted."""
    before: pa.RecordBatch | None = None
    for batch in scan(raw_events).to_batches():
        if not len(batch):
            continue
        if not follows(batch, before):
            raise _NotInOrderError
        yield batch
        before = batch.slice(len(batch) - 1)


def _count_others(events: pa.RecordBatch, is_other: npt.NDArray[np.bool_]) -> Counter[str]:
    keys = ["kind", "collection", "operation"]
    others = pa.Table.from_batches([events.select(keys).filter(pa.array(is_other))])
    counted = others.group_by(keys, use_threads=False).aggregate([([], "count_all")]).to_pylist()
    return Counter(
        {
            f"{row['collection']} {row['operation']}" if row["kind"] == "commit" else row["kind"]: row["count_all"]
            for row in counted
        }
    )
