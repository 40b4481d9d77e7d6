"""Buffer decoded events, and convert them to columns of `tables.RAW_EVENTS`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.raw_events.event_types import RECORD_TYPES, ConsentRecord, JetstreamEvent, TypedRecord
from persona_assets.assets.raw_events.lexicon_limits import replace_unknown_status
from persona_assets.assets.raw_events.record_columns import make_record_columns
from persona_assets.assets.raw_events.repo_paths import are_all_record_keys, is_record_key
from persona_assets.assets.raw_events.segment_rows import EventGroup
from persona_assets.common.account_ids import are_all_plc_dids, is_did_or_hash
from persona_assets.tables import RAW_EVENTS

# A decoded event is many Python objects, an Arrow column is one. Events of a kind are converted to columns while they
# are still in the processor's cache, which takes half the time of converting a whole run at once. Rare kinds wait until
# there are this many events.
_MIN_EVENTS_PER_CONVERSION = 512

ColumnValues = Mapping[str, Any]  # by column name of RAW_EVENTS, without columns that are null in all rows

_NO_BUILDER: tuple[None, Callable[[JetstreamEvent], None]] = (None, lambda _: None)


class _ColumnBuilder:
    """Collects events of one kind, and converts them to columns of `tables.RAW_EVENTS`."""

    def __init__(
        self,
        make_columns: Callable[[list[JetstreamEvent]], ColumnValues],
        *,
        shape: type[TypedRecord] | None = None,
        **constant: str,
    ) -> None:
        self.events: list[JetstreamEvent] = []
        self.append = self.events.append
        self._make_columns, self._shape, self._constant = make_columns, shape, constant
        self._chunks: list[pa.Table] = []
        self.cuts = Counter[str]()

    def convert(self) -> None:
        """Convert the collected events to columns."""
        columns = self._make_columns(self.events)
        arrays = {name: _make_array(values, RAW_EVENTS.field(name).type) for name, values in columns.items()}
        records: list[Any] = [event.commit and event.commit.record for event in self.events]
        self.add_columns(arrays, records)
        self.events.clear()

    def add_columns(self, columns: Mapping[str, pa.Array], records: Sequence[TypedRecord] | None) -> None:
        """Add events that are columns already, except for what their records fill, if there are any."""
        arrays = dict(columns)
        if self._shape is not None and records is not None:
            of_records, cuts = make_record_columns(records, self._shape)
            arrays |= of_records
            self.cuts += cuts
        self._chunks.append(pa.table(arrays))

    def flush(self) -> pa.Table | None:
        """Return the converted events as one chunk of `tables.RAW_EVENTS`, sorted by time, and forget them."""
        if not self._chunks:
            return None
        combined = pa.concat_tables(self._chunks, promote_options="default").unify_dictionaries().combine_chunks()
        self._chunks = []
        return _sort_by_time(_add_constant_columns(combined, self._constant))


class EventBuffer:
    """Collects decoded events by kind until `flush` returns them as one table of `tables.RAW_EVENTS`.

    Events are kept as objects until `convert` turns them into columns, which need far less memory.
    """

    def __init__(self) -> None:
        """Start with no events."""
        self._builder_by_type: dict[tuple[type[TypedRecord | None], str, str], _ColumnBuilder] = {
            (shape, collection, operation): _ColumnBuilder(
                _commit_columns, shape=shape, kind="commit", collection=collection, operation=operation
            )
            for collection, shape in RECORD_TYPES.items()
            for operation in ("create", "update")
        }
        self._builder_of_create: dict[type[TypedRecord | None], tuple[str, Callable[[JetstreamEvent], None]]] = {
            shape: (collection, builder.append)
            for (shape, collection, operation), builder in self._builder_by_type.items()
            if operation == "create"
        }
        self._recordless = _ColumnBuilder(
            _recordless_columns, kind="commit"
        )  # commits whose record is not decoded, and deletions
        self._consents = _ColumnBuilder(_recordless_columns, shape=ConsentRecord, kind="commit")
        self._non_commits = _ColumnBuilder(_non_commit_columns)  # identity, account and sync events
        self._builders = [*self._builder_by_type.values(), self._recordless, self._consents, self._non_commits]
        # What was over the limits of its lexicon in conversion: texts, langs, labels and consents.
        self.cuts = Counter[str]()

    def add_valid_events(self, events: Sequence[JetstreamEvent | None]) -> list[int]:
        """Add decoded events; return the indices of those that are None or have invalid ids and were not added.

        An event is not added if it is None, an id of it is invalid, or a required part is missing. Those lines need the
        slow path, `lenient_decode`.
        """
        decoded = [event for event in events if event is not None]
        keys = [event.commit.rkey for event in decoded if event.commit]
        trusted = are_all_plc_dids([event.did for event in decoded]) and are_all_record_keys(keys)
        created, undecided = self._builder_of_create, list[int]()
        for at, event in enumerate(events):
            if event is None or not (trusted or _has_valid_ids(event)):
                undecided.append(at)
                continue
            commit = event.commit
            if commit is not None and commit.operation == "create" and event.kind == "commit":
                collection, append = created.get(type(commit.record), _NO_BUILDER)
                if commit.collection == collection:  # the case of nine in ten events
                    append(event)
                    continue
            builder = self._find_builder(event)
            if builder is None:
                undecided.append(at)
            else:
                builder.append(event)
        return undecided

    def add_columns(self, group: EventGroup) -> None:
        """Add events of one kind that already are columns, from a block of an archive segment."""
        if group.shape is None or group.collection is None or group.operation is None:
            self._recordless.add_columns(group.columns, None)
        else:
            builder = self._builder_by_type[group.shape, group.collection, group.operation]
            builder.add_columns(group.columns, group.records)
            self.cuts += builder.cuts
            builder.cuts.clear()

    def _find_builder(self, event: JetstreamEvent) -> _ColumnBuilder | None:
        """Return the builder of the event's kind, or None if a required part of the event is missing."""
        commit = event.commit
        if event.kind != "commit":
            return None if getattr(event, event.kind) is None else self._non_commits
        if commit is None:
            return None
        if isinstance(commit.record, ConsentRecord):
            return self._consents
        if commit.operation == "delete" or commit.collection not in RECORD_TYPES:
            return self._recordless
        return self._builder_by_type.get((type(commit.record), commit.collection, commit.operation))

    def convert_to_columns(self, *, min_events_of_kind: int = _MIN_EVENTS_PER_CONVERSION) -> None:
        """Convert buffered events to columns, for each kind with at least `min_events_of_kind` of them."""
        for builder in self._builders:
            if len(builder.events) >= min_events_of_kind:
                builder.convert()
                self.cuts += builder.cuts
                builder.cuts.clear()

    def flush(self) -> pa.Table:
        """Return all buffered events as `tables.RAW_EVENTS` and empty the buffer; a chunk per kind, sorted by time."""
        self.convert_to_columns(min_events_of_kind=1)
        parts = [part for builder in self._builders if (part := builder.flush()) is not None]
        return pa.concat_tables(parts or [RAW_EVENTS.empty_table()]).unify_dictionaries()


def _has_valid_ids(event: JetstreamEvent) -> bool:
    return is_did_or_hash(event.did) and (event.commit is None or is_record_key(event.commit.rkey))


def _add_constant_columns(columns: pa.Table, constant: Mapping[str, str]) -> pa.Table:
    """Add the columns of RAW_EVENTS that are constant or null in all rows."""
    rows = len(columns)
    arrays = [
        columns[field.name]
        if field.name in columns.column_names
        else _repeat(constant[field.name], rows, field.type)
        if field.name in constant
        else pa.nulls(rows, field.type)
        for field in RAW_EVENTS
    ]
    return pa.table(arrays, schema=RAW_EVENTS)


def _repeat(value: str, rows: int, kind: pa.DataType) -> pa.DictionaryArray:
    indices = pa.array(np.zeros(rows, dtype=kind.index_type.to_pandas_dtype()))
    return pa.DictionaryArray.from_arrays(indices, pa.array([value]))


def _make_array(values: Any, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode().cast(kind)
    return pa.array(values, kind)


def _sort_by_time(table: pa.Table) -> pa.Table:
    """Sort by time, unless the table is sorted already, which it mostly is."""
    times = table["event_time_us"].chunk(0).to_numpy()
    if (times[1:] >= times[:-1]).all():
        return table
    return table.take(pc.sort_indices(table["event_time_us"]))


def _commit_columns(events: list[JetstreamEvent]) -> dict[str, Any]:
    commits: list[Any] = [event.commit for event in events]
    columns: dict[str, Any] = {
        "event_time_us": np.array([event.time_us for event in events], np.int64),
        "user_id": [event.did for event in events],
        "rkey": [commit.rkey for commit in commits],
        "rev": [commit.rev for commit in commits],
    }
    seqs = [event.seq for event in events]
    return columns if seqs.count(None) == len(seqs) else columns | {"seq": seqs}


def _recordless_columns(events: list[JetstreamEvent]) -> ColumnValues:
    commits: list[Any] = [event.commit for event in events]
    return _commit_columns(events) | {
        "collection": [commit.collection for commit in commits],
        "operation": [commit.operation for commit in commits],
    }


def _non_commit_columns(events: list[JetstreamEvent]) -> ColumnValues:
    bodies = [getattr(event, event.kind) for event in events]
    return {
        "event_time_us": np.array([event.time_us for event in events], np.int64),
        "user_id": [event.did for event in events],
        "kind": [event.kind for event in events],
        "rev": [body.rev for body in bodies],
        "account_active": [body.active for body in bodies],
        "account_status": [replace_unknown_status(body.status) for body in bodies],
        "seq": [body.seq for body in bodies],
    }
