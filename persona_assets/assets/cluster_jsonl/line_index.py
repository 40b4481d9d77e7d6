"""Index the lines of all clusters: whose line it is, what it ends with, and the URIs of the messages that it shows.

Lines name users, but no record. The index names them, so that a data set can be made of the lines without their JSON.
It is collected as numbers while lines are serialised, and written once all lines are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.cluster_jsonl.threads import Int32Array
from persona_assets.common.content_file import ContentFile
from persona_assets.common.line_tables import ACTION_KEYS, LINE_MESSAGES, LINES
from persona_assets.common.sorting_in_slices import sort_in_slices
from persona_assets.tables import ACTIONS

_LINE_ROWS = pa.schema(
    [
        ("event_time_us", pa.int64()),
        ("member", pa.int32()),
        ("kind", pa.int8()),
        ("uri_source", pa.int64()),
        ("text", pa.string()),  # a part of the JSON: `_TEXT_KEY` and the text
        ("message_ids", pa.list_(pa.int32())),
    ]
)
_TEXT_KEY = ',"text":'
_IGNORE = ACTION_KEYS.index("ignore") + 1
# The names of actions by number: of the last message of a conversation, then by the kind of other lines.
_ACTION_NAMES = pa.array([*ACTIONS, *ACTION_KEYS])
# Lines that are read together: about 20 MB with their URIs.
_LINES_PER_BATCH = 100_000

SELECT_SHOWN_MESSAGES = """
    SELECT id, uri, event_time_us FROM messages SEMI JOIN shown_messages USING (id)
"""
# Of a message while it is sorted, with its URI twice: as a key and as a value.
_BYTES_PER_MESSAGE = 250

SELECT_LAST_RECORDS = """
    SELECT id::BIGINT AS source, action::VARCHAR AS action, uri FROM messages SEMI JOIN last_messages USING (id)
    UNION ALL
    SELECT -1 - rowid, NULL, coalesce(uri, '') FROM resolved_actions WHERE outcome = 'written' AND quote_id IS NULL
"""
"""The records that lines end with, by `uri_source`. Lines look them up in a file: to join and sort whole lines with
their URIs took more than 3 GB of memory, which could not be spilled, on a day of 35 million events."""


class _LineSources(NamedTuple):
    """What the rows of lines are made of, each looked up by a number."""

    users: pa.StringArray  # by `members.member`
    numbers: Int32Array  # of messages in `LINE_MESSAGES`, by `messages.id`; -1 for those that no line shows
    # Position in `uris` of the record that a line ends with, by `uri_source`; -1 for none.
    places: Int32Array  # a negative `uri_source` counts from the end
    uris: pa.LargeStringArray
    actions: npt.NDArray[np.int8]  # by `messages.id`, position in `ACTIONS`


class LineIndex:
    """Index of the JSON lines written, kept in files: which messages each line shows, and how it ends."""

    def __init__(self, where: Path, n_messages: int) -> None:
        """Create the file of the lines; that of URIs is created beside it once all lines are added.

        Args:
            where: A path at which no file exists.
            n_messages: Number of messages in the content file: the limit of `messages.id`.
        """
        self._where = where
        self._file = pa.OSFile(str(where), "wb")
        self._writer = pa.ipc.new_stream(self._file, _LINE_ROWS)
        self._is_shown = np.zeros(n_messages, np.bool_)
        self._is_last = np.zeros(n_messages, np.bool_)
        self._numbers = np.full(n_messages, -1, np.int32)  # of `LINE_MESSAGES`, by `messages.id`
        # Where lines of a cluster are in the file: cluster, batch, first row, end; a row for each batch that has any.
        self._ranges: list[Int32Array] = []

    def add(self, segments: pa.RecordBatch) -> None:
        """Record the lines that these segments (messages and actions) form, by cluster in the order of its file.

        Args:
            segments: Rows of `write_lines.SELECT_SEGMENTS`, grouped by cluster; all of each line.
        """
        ends = np.flatnonzero(segments["position"].to_numpy() == 0)
        shown = segments["message_id"]
        # Messages up to each segment, so that those of a line are those since the end of the line before it.
        before = np.cumsum(pc.is_valid(shown).to_numpy(zero_copy_only=False), dtype=np.int32)
        message_ids = shown.drop_null()
        self._is_shown[message_ids.to_numpy()] = True
        offsets = pa.array(np.append(np.int32(0), before[ends]), pa.int32())
        of_lines = segments.select(_LINE_ROWS.names[:-1]).take(pa.array(ends))
        sources = of_lines["uri_source"].to_numpy()
        self._is_last[sources[(sources >= 0) & (of_lines["kind"].to_numpy() < _IGNORE)]] = True
        columns = [column.cast(field.type) for column, field in zip(of_lines, _LINE_ROWS, strict=False)]
        columns.append(pa.ListArray.from_arrays(offsets, message_ids.cast(pa.int32())))
        self._writer.write_batch(pa.record_batch(columns, _LINE_ROWS))
        clusters = segments["cluster_id"].to_numpy()[ends]
        starts = np.flatnonzero(np.diff(clusters, prepend=-1))
        batches = np.full(len(starts), len(self._ranges))
        stops = np.append(starts[1:], len(clusters))
        self._ranges.append(np.stack([clusters[starts], batches, starts, stops], axis=1).astype(np.int32))

    def read_messages(self, con: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
        """Yield number, URI and time of the messages that lines show (`LINE_MESSAGES`), numbered by time and URI.

        Args:
            con: The database of the step, once all lines are added.
        """
        self._writer.close()
        self._file.close()
        con.register("shown_messages", _table_of_ids(self._is_shown))
        count = 0
        for batch in sort_in_slices(con, SELECT_SHOWN_MESSAGES, then_by="uri", row_bytes=_BYTES_PER_MESSAGE):
            numbers = np.arange(count, count + len(batch), dtype=np.int32)
            self._numbers[batch["id"].to_numpy()] = numbers
            count += len(batch)
            yield pa.record_batch([pa.array(numbers), batch["uri"], batch["event_time_us"]], LINE_MESSAGES.names).cast(
                LINE_MESSAGES
            )
        con.unregister("shown_messages")

    def read_lines(self, con: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
        """Yield user, action and messages of each line (`LINES`), sorted by cluster and place in the cluster's file.

        Args:
            con: After the last batch of `read_messages`.
        """
        users = con.sql("SELECT user_id FROM members ORDER BY member").to_arrow_table()["user_id"].combine_chunks()
        sources = self._write_last_records(con, users)
        with pa.memory_map(str(self._where)) as file, pa.ipc.open_stream(file) as stream:
            batches = list(stream)  # mapped, not in memory
            ranges = np.concatenate([np.empty((0, 4), np.int32), *self._ranges])
            ranges = ranges[np.argsort(ranges[:, 0], kind="stable")]
            cuts = np.flatnonzero(np.diff(ranges[:, 0], prepend=-1, append=-1))
            for first, end in pairwise(cuts.tolist()):
                line_number = 0
                for rows in _concatenate(batches, ranges[first:end, 1:].tolist()):
                    yield _make_lines(rows, int(ranges[first, 0]), line_number, sources)
                    line_number += len(rows)

    def _write_last_records(self, con: duckdb.DuckDBPyConnection, users: pa.StringArray) -> _LineSources:
        """Write the URIs of the records that lines end with to a file, and return where each is, and the rest."""
        (n_actions,) = con.sql("SELECT coalesce(max(rowid) + 1, 0) FROM resolved_actions").fetchall()[0]
        n_messages = len(self._is_last)
        places, actions = np.full(n_messages + n_actions, -1, np.int32), np.zeros(n_messages, np.int8)
        uris = ContentFile(self._where.with_name(f"{self._where.name}_uris"))
        con.register("last_messages", _table_of_ids(self._is_last))
        for batch in con.sql(SELECT_LAST_RECORDS).to_arrow_reader():
            sources = batch["source"].to_numpy()
            places[sources] = np.arange(uris.count, uris.count + len(batch), dtype=np.int32)
            uris.append(batch["uri"])
            of_messages = sources >= 0
            numbers = pc.index_in(batch["action"].filter(pa.array(of_messages)), value_set=pa.array(ACTIONS))
            actions[sources[of_messages]] = numbers.to_numpy()
        con.unregister("last_messages")
        uris.close()
        return _LineSources(users, self._numbers, places, uris.open_as_array(), actions)


def _table_of_ids(is_in: npt.NDArray[np.bool_]) -> pa.Table:
    return pa.table({"id": np.flatnonzero(is_in).astype(np.int32)})


def _concatenate(batches: Sequence[pa.RecordBatch], ranges: Sequence[Sequence[int]]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of ranges (batch, first row, end), in their order, about `_LINES_PER_BATCH` at a time."""
    pending, lines = list[pa.RecordBatch](), 0
    for number, first, end in ranges:
        pending.append(batches[number].slice(first, end - first))
        lines += end - first
        if lines >= _LINES_PER_BATCH:
            yield pa.concat_batches(pending)
            pending, lines = [], 0
    if pending:
        yield pa.concat_batches(pending)


def _make_lines(rows: pa.RecordBatch, cluster: int, first_number: int, sources: _LineSources) -> pa.RecordBatch:
    """Return the rows of `LINES` for lines of one cluster, of which the first has the number `first_number`."""
    kinds, uri_sources = rows["kind"].to_numpy(), rows["uri_source"].to_numpy()
    actions = kinds.astype(np.int64) + (len(ACTIONS) - 1)
    is_conversation = kinds == 0
    actions[is_conversation] = sources.actions[uri_sources[is_conversation]]
    is_ignored = kinds == _IGNORE
    # An ignored message has no record of its own.
    uris = sources.uris.take(pa.array(sources.places[uri_sources], mask=is_ignored))
    shown = rows["message_ids"]
    offsets = np.append(0, np.cumsum(pc.list_value_length(shown).to_numpy())).astype(np.int32)
    return pa.record_batch(
        [
            pa.array(np.full(len(rows), cluster, np.int32)),
            pa.array(np.arange(first_number, first_number + len(rows))),
            sources.users.take(rows["member"]),
            _ACTION_NAMES.take(pa.array(actions)),
            rows["event_time_us"],
            pc.if_else(pc.equal(uris, ""), None, uris),
            _parse_texts(rows["text"]),
            pa.ListArray.from_arrays(pa.array(offsets), pa.array(sources.numbers[shown.flatten().to_numpy()])),
        ],
        LINES.names,
    ).cast(LINES)


def _parse_texts(parts: pa.StringArray) -> pa.StringArray:
    """Return the texts in parts of the JSON of lines; null stays null."""
    has_text = pc.is_valid(parts).to_numpy(zero_copy_only=False)
    texts = [json.loads(part.removeprefix(_TEXT_KEY)) for part in parts.drop_null().to_pylist()]
    places = np.cumsum(has_text) - 1
    return pa.array(texts, pa.string()).take(pa.array(places, mask=~has_text))
