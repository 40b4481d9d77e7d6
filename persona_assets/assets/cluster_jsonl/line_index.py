"""Index the lines of all clusters: whose line it is, what it ends with, and the URIs of the messages that it shows.

Lines name users, but no record. The index names them, so that a data set can be made of the lines without their JSON.
It is collected as numbers while lines are serialised, and written once all lines are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.cluster_jsonl.threads import Int32Array
from persona_assets.common.line_tables import ACTION_KEYS, LINE_MESSAGES, LINES

_LINE_ROWS = pa.schema(
    [
        ("cluster_id", pa.int32()),
        ("line_number", pa.int64()),
        ("event_time_us", pa.int64()),
        ("member", pa.int32()),
        ("kind", pa.int8()),
        ("uri_source", pa.int64()),
        ("message_ids", pa.list_(pa.int32())),
    ]
)
_IGNORE = ACTION_KEYS.index("ignore") + 1

CREATE_INDEXED_MESSAGES = """
    CREATE TEMP TABLE indexed_messages AS
    SELECT (row_number() OVER (ORDER BY event_time_us, uri) - 1)::INTEGER AS message, id, uri, event_time_us
    FROM messages SEMI JOIN shown_messages USING (id)
"""

SELECT_INDEXED_MESSAGES = "SELECT message, uri, event_time_us FROM indexed_messages ORDER BY message"

SELECT_LINES = f"""
    SELECT
        line_rows.cluster_id, line_number, members.user_id,
        CASE WHEN line_rows.kind = 0 THEN messages.action::VARCHAR ELSE action_kinds.action END AS action,
        line_rows.event_time_us,
        CASE WHEN line_rows.kind < {_IGNORE} THEN coalesce(messages.uri, resolved_actions.uri) END AS uri,
        nullif(CASE WHEN line_rows.kind > 0 THEN coalesce(quote_text, resolved_actions.text) END, '') AS text,
        message_ids AS messages
    FROM line_rows
    JOIN members ON members.member = line_rows.member
    LEFT JOIN messages ON messages.id = uri_source
    LEFT JOIN resolved_actions ON resolved_actions.rowid = -1 - uri_source
    LEFT JOIN action_kinds ON action_kinds.kind = line_rows.kind
    ORDER BY line_rows.cluster_id, line_number
"""  # noqa: S608 - a number of this project
"""`uri_source` is a message (of a conversation, a quote or an ignored message) or, below 0, another action. An ignored
message has no record of its own."""


class LineIndex:
    """Index of the JSON lines written, kept in a file: which messages each line shows, and how it ends."""

    def __init__(self, where: Path, n_messages: int) -> None:
        """Create the file.

        Args:
            where: A path at which no file exists.
            n_messages: Number of messages in the content file: the limit of `messages.id`.
        """
        self._where = where
        self._file = pa.OSFile(str(where), "wb")
        self._writer = pa.ipc.new_stream(self._file, _LINE_ROWS)
        self._is_shown = np.zeros(n_messages, np.bool_)
        self._lines_of: dict[int, int] = {}

    def add(self, segments: pa.RecordBatch) -> None:
        """Record the lines that these segments (messages and actions) form, by cluster in the order of its file.

        Args:
            segments: Rows of `write_lines.SELECT_SEGMENTS`; all of each line.
        """
        is_last = segments["position"].to_numpy() == 0
        ends = np.flatnonzero(is_last)
        shown = segments["message_id"]
        # Messages up to each segment, so that those of a line are those since the end of the line before it.
        before = np.cumsum(pc.is_valid(shown).to_numpy(zero_copy_only=False), dtype=np.int32)
        message_ids = shown.drop_null()
        self._is_shown[message_ids.to_numpy()] = True
        offsets = pa.array(np.append(np.int32(0), before[ends]), pa.int32())
        of_lines = segments.select(["event_time_us", "member", "kind", "uri_source"]).take(pa.array(ends))
        clusters = segments["cluster_id"].to_numpy()[ends]
        columns = [
            pa.array(clusters, pa.int32()),
            pa.array(self._number_lines(clusters)),
            *(
                column.cast(_LINE_ROWS.field(name).type)
                for name, column in zip(of_lines.schema.names, of_lines, strict=True)
            ),
            pa.ListArray.from_arrays(offsets, message_ids.cast(pa.int32())),
        ]
        self._writer.write_batch(pa.record_batch(columns, _LINE_ROWS))

    def _number_lines(self, clusters: Int32Array) -> npt.NDArray[np.int64]:
        """Return the place of each line in its cluster's file, counted from 0; clusters are grouped."""
        numbers = np.empty(len(clusters), np.int64)
        starts = np.flatnonzero(np.diff(clusters, prepend=-1))
        for start, end in pairwise([*starts.tolist(), len(clusters)]):
            cluster = int(clusters[start])
            first = self._lines_of.get(cluster, 0)
            numbers[start:end] = np.arange(first, first + end - start)
            self._lines_of[cluster] = first + end - start
        return numbers

    def read_messages(self, con: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
        """Yield number, URI and time of the messages that lines show (`LINE_MESSAGES`), numbered by time and URI.

        Args:
            con: The database of the step, once all lines are added.
        """
        self._writer.close()
        self._file.close()
        con.register("shown_messages", pa.table({"id": np.flatnonzero(self._is_shown).astype(np.int32)}))
        con.execute(CREATE_INDEXED_MESSAGES)
        con.unregister("shown_messages")
        for batch in con.sql(SELECT_INDEXED_MESSAGES).to_arrow_reader():
            yield batch.cast(LINE_MESSAGES)

    def read_lines(self, con: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
        """Yield user, action and messages of each line (`LINES`), sorted by cluster and place in the cluster's file.

        Args:
            con: After `read_messages`.
        """
        numbers = np.full(len(self._is_shown), -1, np.int32)
        for batch in con.sql("SELECT id, message FROM indexed_messages").to_arrow_reader():
            numbers[batch["id"].to_numpy()] = batch["message"].to_numpy()
        con.register("line_rows", pa.RecordBatchReader.from_batches(_LINE_ROWS, self._renumber(numbers)))
        for batch in con.sql(SELECT_LINES).to_arrow_reader():
            yield batch.cast(LINES)
        con.unregister("line_rows")

    def _renumber(self, numbers: Int32Array) -> Iterator[pa.RecordBatch]:
        with pa.memory_map(str(self._where)) as file, pa.ipc.open_stream(file) as batches:
            for batch in batches:
                ids = batch["message_ids"]
                messages = pa.ListArray.from_arrays(ids.offsets, pa.array(numbers[ids.values.to_numpy()]))
                yield batch.set_column(6, _LINE_ROWS.field("message_ids"), messages)
