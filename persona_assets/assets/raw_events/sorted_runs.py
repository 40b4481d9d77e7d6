"""Turn decoded events into runs: Arrow files in scratch, each of one buffer of events, its batches sorted by time."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.raw_events.account_ids import all_plc, is_user_id
from persona_assets.assets.raw_events.event_types import (
    TYPED,
    Block,
    Embed,
    Event,
    Follow,
    Like,
    Post,
    Profile,
    Record,
    Repost,
)
from persona_assets.assets.raw_events.lexicon_limits import TEXT_BYTES, bound_status, cut_langs, cut_texts
from persona_assets.assets.raw_events.repo_paths import all_record_keys, is_record_key
from persona_assets.common.lexicon import QUOTING_EMBEDS
from persona_assets.tables import RAW_EVENTS

# Of how many rows one tells where the others' times lie, without the run being read.
FENCE_ROWS = 1024

# A decoded event is many objects, a column of them is one: those of a kind are turned into columns while the
# processor's cache still has them, which takes half the time of doing it a run at a time; rare kinds wait for more.
_EVENTS_AT_ONCE = 512

Columns = Mapping[str, Any]  # by name of RAW_EVENTS; columns that are null throughout are left out


_NOWHERE: tuple[None, Callable[[Event], None]] = (None, lambda _: None)


class Run(NamedTuple):
    """A file of events in batches, each sorted by time."""

    path: Path
    fences: list[int]  # sorted; first and last are those of the run


class _ColumnBuilder:
    """Events whose columns are made alike: first as they are, then as columns."""

    def __init__(self, make_columns: Callable[[list[Event]], Columns], *, text_bytes: int = 0, **constant: str) -> None:
        self.events: list[Event] = []
        self.append = self.events.append
        self._make_columns, self._constant = make_columns, constant
        self._chunks: list[pa.Table] = []
        self._text_bytes = text_bytes
        self.cut_texts = self.cut_langs = 0

    def absorb(self) -> None:
        """Turn the events held into columns."""
        columns = self._make_columns(self.events)
        arrays = {name: _make_array(values, RAW_EVENTS.field(name).type) for name, values in columns.items()}
        if "text" in arrays:
            arrays["text"], cut = cut_texts(arrays["text"], self._text_bytes)
            self.cut_texts += cut
        if "langs" in arrays:
            arrays["langs"], cut = cut_langs(arrays["langs"])
            self.cut_langs += cut
        self._chunks.append(pa.table(arrays))
        self.events.clear()

    def release(self) -> pa.Table | None:
        """Return all that was absorbed as one chunk of `tables.RAW_EVENTS`, by time, and hold nothing."""
        if not self._chunks:
            return None
        together = pa.concat_tables(self._chunks, promote_options="default").unify_dictionaries().combine_chunks()
        self._chunks = []
        return _by_time(_complete(together, self._constant))


class EventBuffer:
    """Events by what their columns are made of."""

    def __init__(self) -> None:
        """Hold none."""
        self._typed: dict[tuple[type[Record | None], str, str], _ColumnBuilder] = {
            (shape, collection, operation): _ColumnBuilder(
                _COLUMNS[shape],
                text_bytes=TEXT_BYTES.get(shape, 0),
                kind="commit",
                collection=collection,
                operation=operation,
            )
            for collection, shape in TYPED.items()
            for operation in ("create", "update")
        }
        self._created: dict[type[Record | None], tuple[str, Callable[[Event], None]]] = {
            shape: (collection, bucket.append)
            for (shape, collection, operation), bucket in self._typed.items()
            if operation == "create"
        }
        self._bare = _ColumnBuilder(_bare_columns, kind="commit")  # commits without a record that we read
        self._notices = _ColumnBuilder(_notice_columns)  # no commits
        self._buckets = [*self._typed.values(), self._bare, self._notices]
        self.cut_texts = self.cut_langs = 0  # of all events absorbed

    def add(self, events: Sequence[Event | None]) -> list[int]:
        """Hold events, and return the positions of those that take a second look instead."""
        held = [event for event in events if event is not None]
        keys = [event.commit.rkey for event in held if event.commit]
        trusted = all_plc([event.did for event in held]) and all_record_keys(keys)
        created, doubtful = self._created, list[int]()
        for at, event in enumerate(events):
            if event is None or not (trusted or _is_named_well(event)):
                doubtful.append(at)
                continue
            commit = event.commit
            if commit is not None and commit.operation == "create" and event.kind == "commit":
                collection, append = created.get(type(commit.record), _NOWHERE)
                if commit.collection == collection:  # nine of ten
                    append(event)
                    continue
            bucket = self._find_bucket(event)
            if bucket is None:
                doubtful.append(at)
            else:
                bucket.append(event)
        return doubtful

    def _find_bucket(self, event: Event) -> _ColumnBuilder | None:
        """Return where an event belongs, or None if it lacks what it should have."""
        commit = event.commit
        if event.kind != "commit":
            return None if getattr(event, event.kind) is None else self._notices
        if commit is None:
            return None
        if commit.operation == "delete" or commit.collection not in TYPED:
            return self._bare
        return self._typed.get((type(commit.record), commit.collection, commit.operation))

    def absorb(self, *, least: int = _EVENTS_AT_ONCE) -> None:
        """Turn the events of each kind into columns, if there are at least so many."""
        for bucket in self._buckets:
            if len(bucket.events) >= least:
                bucket.absorb()
                self.cut_texts, self.cut_langs = self.cut_texts + bucket.cut_texts, self.cut_langs + bucket.cut_langs
                bucket.cut_texts = bucket.cut_langs = 0

    def release(self) -> pa.Table:
        """Return all events as `tables.RAW_EVENTS`, in chunks that are each sorted by time, and hold none."""
        self.absorb(least=1)
        parts = [part for bucket in self._buckets if (part := bucket.release()) is not None]
        return pa.concat_tables(parts or [RAW_EVENTS.empty_table()]).unify_dictionaries()


def write_run(table: pa.Table, where: Path) -> Run:
    """Write one run, a batch for each chunk of `table`."""
    with pa.OSFile(str(where), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    fences: list[int] = []
    for chunk in table["event_time_us"].chunks:
        times = chunk.to_numpy()
        fences += [*times[::FENCE_ROWS].tolist(), int(times[-1])]
    return Run(where, sorted(fences))


def count_kinds(table: pa.Table) -> Counter[tuple[str, str | None, str | None]]:
    """Count events by kind, collection and operation."""
    keys = ["kind", "collection", "operation"]
    counted = table.select(keys).group_by(keys).aggregate([([], "count_all")])
    return Counter(
        {(row["kind"], row["collection"], row["operation"]): row["count_all"] for row in counted.to_pylist()}
    )


def _is_named_well(event: Event) -> bool:
    return is_user_id(event.did) and (event.commit is None or is_record_key(event.commit.rkey))


def _complete(columns: pa.Table, constant: Mapping[str, str]) -> pa.Table:
    """Add the columns of RAW_EVENTS that are the same, or null, in all rows."""
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


def _by_time(table: pa.Table) -> pa.Table:
    """Sort by time; events mostly come in order, and looking is cheaper than sorting."""
    times = table["event_time_us"].chunk(0).to_numpy()
    if (times[1:] >= times[:-1]).all():
        return table
    return table.take(pc.sort_indices(table["event_time_us"]))


def _commit_columns(events: list[Event], commits: list[Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "event_time_us": np.array([event.time_us for event in events], np.int64),
        "user_id": [event.did for event in events],
        "rkey": [commit.rkey for commit in commits],
        "rev": [commit.rev for commit in commits],
    }
    seqs = [event.seq for event in events]
    return columns if seqs.count(None) == len(seqs) else columns | {"seq": seqs}


def _bare_columns(events: list[Event]) -> Columns:
    commits: list[Any] = [event.commit for event in events]
    return _commit_columns(events, commits) | {
        "collection": [commit.collection for commit in commits],
        "operation": [commit.operation for commit in commits],
    }


def _notice_columns(events: list[Event]) -> Columns:
    bodies = [getattr(event, event.kind) for event in events]
    return {
        "event_time_us": np.array([event.time_us for event in events], np.int64),
        "user_id": [event.did for event in events],
        "kind": [event.kind for event in events],
        "rev": [body.rev for body in bodies],
        "account_active": [body.active for body in bodies],
        "account_status": [bound_status(body.status) for body in bodies],
        "seq": [body.seq for body in bodies],
    }


def _post_columns(events: list[Event]) -> Columns:
    commits: list[Any] = [event.commit for event in events]
    posts: list[Post] = [commit.record for commit in commits]
    replies = [post.reply for post in posts]
    return _commit_columns(events, commits) | {
        "text": [post.text for post in posts],
        "langs": [post.langs for post in posts],
        "parent_uri": [reply and reply.parent and (reply.parent.uri or None) for reply in replies],
        "root_uri": [reply and reply.root and (reply.root.uri or None) for reply in replies],
        "quoted_uri": [post.embed and _quoted(post.embed) for post in posts],
    }


def _quoted(embed: Embed) -> str | None:
    if embed.type not in QUOTING_EMBEDS or embed.record is None:
        return None
    return embed.record.uri or (embed.record.record and embed.record.record.uri) or None  # "" names nothing


def _subject_columns(events: list[Event]) -> Columns:
    commits: list[Any] = [event.commit for event in events]
    return _commit_columns(events, commits) | {"subject_uri": [commit.record.subject.uri for commit in commits]}


def _account_columns(events: list[Event]) -> Columns:
    commits: list[Any] = [event.commit for event in events]
    return _commit_columns(events, commits) | {"subject_did": [commit.record.subject for commit in commits]}


def _profile_columns(events: list[Event]) -> Columns:
    commits: list[Any] = [event.commit for event in events]
    return _commit_columns(events, commits) | {"text": [commit.record.description for commit in commits]}


_COLUMNS: dict[type[Record], Callable[[list[Event]], Columns]] = {
    Post: _post_columns,
    Like: _subject_columns,
    Repost: _subject_columns,
    Follow: _account_columns,
    Block: _account_columns,
    Profile: _profile_columns,
}
