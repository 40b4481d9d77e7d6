"""Turn the events of a day into a table of user actions without duplicates."""

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
from persona_assets.assets.user_actions.action_streams import ActionStreams
from persona_assets.assets.user_actions.classify import NO_ACTION, find_action_codes, select_action_events
from persona_assets.assets.user_actions.deduplicate import find_duplicate_rows
from persona_assets.assets.user_actions.event_order import is_sorted_by_all_columns, scan_in_order, sort_by_all_columns
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import count_rows_read, phase
from persona_assets.common.provenance import Provenance, with_provenance


class ExtractedActions(NamedTuple):
    """Result of `extract_distinct_actions`: a Parquet file, and counts: read = actions + duplicates + no action."""

    user_actions: Path  # tables.USER_ACTIONS (and the column `day`), sorted by action, then as raw_events
    read: int  # events
    actions: Counter[str]  # by action type
    duplicates: int  # events
    no_action: Counter[str]  # events by "collection operation", or by kind if not a commit


class _NotSortedError(Exception):
    """The events are not sorted by all columns."""


def extract_distinct_actions(
    raw_events: pads.Dataset,
    *,
    memory_limit: str,
    scratch: Path,
    day_column: dt.date | None = None,
    provenance: Provenance | None = None,
) -> ExtractedActions:
    """Write all actions in `raw_events` to a Parquet file; of an event delivered more than once, the earliest counts.

    Events that are sorted by all columns, as the asset `raw_events` is, are read in one pass. Others are sorted first.

    Args:
        raw_events: `tables.RAW_EVENTS`; the result does not depend on its order.
        memory_limit: Memory limit of DuckDB for deduplication and sorting, beyond which it spills to `scratch`.
        scratch: An empty folder for temporary files, at most a quarter of the bytes of the capture.
        day_column: Value of the column `day`, not a filter; None leaves the column out.
        provenance: How the table was made, for the schema metadata of its file.

    Returns:
        The table, in `scratch`, and counts. Memory beside `memory_limit` does not depend on the size of the day.

    Raises:
        StorageError: The disk of `scratch` is full.
    """
    with explaining_full_disk(scratch):
        try:
            return _extract(raw_events, memory_limit, scratch, day_column, provenance)
        except _NotSortedError:
            ordered = sort_by_all_columns(raw_events, memory_limit=memory_limit, scratch=scratch)
            return _extract(ordered, memory_limit, scratch, day_column, provenance)


def _extract(
    raw_events: pads.Dataset, memory_limit: str, scratch: Path, day: dt.date | None, provenance: Provenance | None
) -> ExtractedActions:
    with phase("finding repeated events"):
        duplicates = find_duplicate_rows(raw_events, memory_limit=memory_limit, scratch=scratch)
    read = 0
    actions: Counter[str] = Counter()
    no_action: Counter[str] = Counter()
    streams = ActionStreams(scratch)
    with phase("classifying events", what="events", total=raw_events.count_rows()) as events:
        for batch in _read_sorted(raw_events):
            is_first_delivery = np.ones(len(batch), dtype=bool)
            first, last = np.searchsorted(duplicates, [read, read + len(batch)])
            is_first_delivery[duplicates[first:last] - read] = False
            codes = find_action_codes(batch)
            no_action += _count_without_action(batch, is_first_delivery & (codes == NO_ACTION))
            codes[~is_first_delivery] = NO_ACTION
            selected = select_action_events(batch, codes)
            for code, number in zip(*np.unique(selected.codes, return_counts=True), strict=True):
                actions[tables.ACTIONS[code]] += int(number)
            streams.write(selected)
            read += len(batch)
            events.add(len(batch))
    where = scratch / "user_actions.parquet"
    with phase("writing actions", what="actions", total=actions.total()) as written:
        rows = count_rows_read(streams.read_by_type(), written)
        write_parquet(where, with_provenance(tables.USER_ACTIONS, provenance), rows, day_column=day)
    return ExtractedActions(where, read, actions, len(duplicates), no_action)


def _read_sorted(raw_events: pads.Dataset) -> Iterator[pa.RecordBatch]:
    """Yield batches of events; raise `_NotSortedError` at the first that is not in order."""
    before: pa.RecordBatch | None = None
    for batch in scan_in_order(raw_events).to_batches():
        if not len(batch):
            continue
        if not is_sorted_by_all_columns(batch, before):
            raise _NotSortedError
        yield batch
        before = batch.slice(len(batch) - 1)


def _count_without_action(events: pa.RecordBatch, is_other: npt.NDArray[np.bool_]) -> Counter[str]:
    keys = ["kind", "collection", "operation"]
    others = pa.Table.from_batches([events.select(keys).filter(pa.array(is_other))])
    counted = others.group_by(keys, use_threads=False).aggregate([([], "count_all")]).to_pylist()
    return Counter(
        {
            f"{row['collection']} {row['operation']}" if row["kind"] == "commit" else row["kind"]: row["count_all"]
            for row in counted
        }
    )
