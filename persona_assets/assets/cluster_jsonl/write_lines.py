"""Stream the lines of all clusters, sorted by time, with one batch of them in memory.

A line is made of segments: one for each message of a conversation, or one for an action and its target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_assets.assets.cluster_jsonl.line_formats import LineFormat
from persona_assets.assets.cluster_jsonl.line_index import LineIndex
from persona_assets.assets.cluster_jsonl.load import ReplyForest
from persona_assets.assets.cluster_jsonl.serialise import (
    LineSources,
    TimeIndex,
    serialise_segments,
)
from persona_assets.assets.cluster_jsonl.threads import find_line_ends, trace_paths
from persona_assets.common.content_file import ContentFile
from persona_assets.common.line_tables import ACTION_KEYS
from persona_assets.common.sorting_in_slices import sort_in_slices

# Segments that are grouped by cluster together, as numbers: enough that each of 1,000 clusters gets a worthwhile write.
SEGMENTS_PER_BATCH = 300_000
# Segments that are serialised together: few enough that their JSON stays in the processor's cache.
SEGMENTS_PER_SERIALISATION = 30_000

# Of a segment while it is sorted, with its text.
_BYTES_PER_SEGMENT = 100

# A cluster, some of its lines as UTF-8 JSON with their newlines, and the number of these lines.
LineBatch = tuple[int, bytes | memoryview, int]

CREATE_THREAD_PATHS = """
    CREATE TEMP TABLE thread_paths AS
    SELECT leaf.event_time_us, leaf.member, leaf.cluster_id, traced_paths.*
    FROM traced_paths JOIN messages AS leaf ON leaf.id = traced_paths.leaf_id
"""

CREATE_SEGMENTS = """
    CREATE TEMP VIEW segments AS
    SELECT
        event_time_us, member, cluster_id, leaf_id::BIGINT AS uri_source, 0::TINYINT AS kind, position, is_first,
        message_id, NULL AS text
    FROM thread_paths
    UNION ALL
    SELECT
        event_time_us, member, cluster_id, coalesce(quote_id, -1 - resolved_actions.rowid), action_kinds.kind, 0, true,
        target_id, text
    FROM resolved_actions JOIN action_kinds USING (action)
    WHERE outcome = 'written'
    UNION ALL
    SELECT event_time_us, member, cluster_id, target_id, action_kinds.kind, 0, true, target_id, NULL
    FROM ignored JOIN action_kinds ON action_kinds.action = 'ignore'
"""
"""`uri_source` says which URI decides a line's place among those of the same user and time: that of the message with
this id or, below 0, that of the resolved action in row -1 - `uri_source`."""

SELECT_SEGMENTS = """
    SELECT
        cluster_id, event_time_us, member, kind, position, is_first, message_id, uri_source,
        CASE WHEN text <> '' THEN ',"text":' || json_string(text) END AS text
    FROM segments
"""
SEGMENTS_THEN_BY = "member, kind, position"
"""Segments by time, user, kind (conversations first, then actions in the order of their keys) and position.

`SORT_TIES` then sorts lines of the same user and time by URI before kind. Sorting all lines by URI would take three
times as long as sorting them by numbers."""

SORT_TIES = """
    WITH with_uri AS (
        SELECT tied_segments.*, uri, NULL AS target, NULL AS text
        FROM tied_segments JOIN messages ON messages.id = uri_source
        UNION ALL
        SELECT tied_segments.*, resolved_actions.uri, coalesce(other_target, target.uri), text
        FROM tied_segments
        JOIN resolved_actions ON resolved_actions.rowid = -1 - uri_source
        LEFT JOIN messages AS target ON target.id = target_id
        WHERE resolved_actions.event_time_us BETWEEN $first AND $last
    )
    SELECT row FROM with_uri ORDER BY event_time_us, member, uri, kind, position, target, text
"""
"""Two records of the same URI and time, which only forged events have, are sorted by their targets and texts."""

SELECT_LINE_TIMES = """
    SELECT event_time_us FROM segments WHERE kind > 0
    UNION
    SELECT event_time_us FROM messages SEMI JOIN segments ON segments.message_id = messages.id
    ORDER BY event_time_us
"""


def create_thread_paths(con: duckdb.DuckDBPyConnection, forest: ReplyForest, *, max_thread_messages: int) -> int:
    """Create the table `thread_paths`, a row for each message of each conversation line; return the number of lines.

    Also creates `cut_off_messages`: the messages by members that are in no path of their own cluster.

    Args:
        con: After `load.load_window`.
        forest: The return value of `load.load_window`.
        max_thread_messages: Maximum messages of a line: the last one and those nearest above it. At least 1.
    """
    leaves = find_line_ends(forest.parents, forest.clusters)
    schema = pa.schema(
        [("leaf_id", pa.int32()), ("position", pa.int32()), ("message_id", pa.int32()), ("is_first", pa.bool_())]
    )
    is_cut_off = forest.clusters >= 0

    def batches() -> Iterator[pa.RecordBatch]:
        for paths in trace_paths(forest.parents, leaves, max_thread_messages=max_thread_messages):
            is_own = forest.clusters[paths.message] == forest.clusters[paths.leaf]
            is_cut_off[paths.message[is_own]] = False
            yield pa.record_batch([pa.array(column) for column in paths], schema)

    con.register("traced_paths", pa.RecordBatchReader.from_batches(schema, batches()))
    con.execute(CREATE_THREAD_PATHS)
    con.unregister("traced_paths")
    con.register("cut_off_ids", pa.table({"message_id": np.flatnonzero(is_cut_off).astype(np.int32)}))
    con.execute("CREATE TEMP TABLE cut_off_messages AS FROM cut_off_ids")
    con.unregister("cut_off_ids")
    return len(leaves)


def stream_lines(
    con: duckdb.DuckDBPyConnection, contents: ContentFile, line_format: LineFormat, index: LineIndex
) -> Iterator[LineBatch]:
    """Yield the JSON lines of all clusters, sorted by time, user, and URI of the message or action that they end with.

    Args:
        con: After `create_thread_paths`, `targets.resolve_targets` and one of the functions that create `ignored`.
        contents: The JSON of `messages`, closed.
        line_format: The format of the lines. Relative times take 8 bytes for each message and each distinct time.
        index: Gets each line.
    """
    # int8, because the kind is a sort key.
    kinds = pa.array(range(1, len(ACTION_KEYS) + 1), pa.int8())
    con.register("action_kinds", pa.table({"action": ACTION_KEYS, "kind": kinds}))
    con.execute(CREATE_SEGMENTS)
    time_index = _build_time_index(con, contents.count) if line_format.is_time_relative else None
    sources = LineSources(contents.open_as_array(), _fetch_user_ids(con), time_index)
    # Ties need a cursor of their own, as the connection is busy with the segments.
    with con.cursor() as cursor:
        batches = sort_in_slices(
            con, SELECT_SEGMENTS, then_by=SEGMENTS_THEN_BY, row_bytes=_BYTES_PER_SEGMENT, batch_rows=SEGMENTS_PER_BATCH
        )
        for segments in _rebatch_at_ties(batches):
            by_cluster = _group_by_cluster(_sort_ties(cursor, segments))
            index.add(by_cluster)
            yield from _serialise_by_cluster(by_cluster, sources, line_format)


def _rebatch_at_ties(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches that never separate rows of one user and time, and so never split a line."""
    pending: pa.RecordBatch | None = None
    for batch in batches:
        segments = batch if pending is None else pa.concat_batches([pending, batch])
        # The last user and time may continue in the next batch.
        complete = int(_find_tie_starts(segments)[-1])
        if complete:
            yield segments.slice(0, complete)
        pending = segments.slice(complete)
    if pending is not None and len(pending):
        yield pending


def _find_tie_starts(segments: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return the row numbers at which the time or user differs from the row before; 0 is the first."""
    times, members = segments["event_time_us"].to_numpy(), segments["member"].to_numpy()
    differs = (times[1:] != times[:-1]) | (members[1:] != members[:-1])
    return np.flatnonzero(np.append(True, differs))


def _sort_ties(con: duckdb.DuckDBPyConnection, segments: pa.RecordBatch) -> pa.RecordBatch:
    """Return the segments with lines of the same user and time sorted by URI.

    A quote and its quote action have one URI and are in order already, unless other lines have the same user and time.
    """
    starts = _find_tie_starts(segments)
    has_several_lines = np.add.reduceat(segments["position"].to_numpy() == 0, starts, dtype=np.int64) > 1
    if not has_several_lines.any():
        return segments
    sources = segments["uri_source"].to_numpy()
    actions = np.add.reduceat(segments["kind"].to_numpy() > 0, starts, dtype=np.int64)
    has_one_source = np.minimum.reduceat(sources, starts) == np.maximum.reduceat(sources, starts)
    is_tied = np.repeat(has_several_lines & ~(has_one_source & (actions <= 1)), np.diff(starts, append=len(segments)))
    rows = np.flatnonzero(is_tied)
    if not len(rows):
        return segments
    keys = segments.select(["event_time_us", "member", "kind", "position", "uri_source"]).take(pa.array(rows))
    con.register("tied_segments", keys.append_column("row", pa.array(rows)))
    times = keys["event_time_us"].to_numpy()
    order = np.arange(len(segments))
    order[rows] = con.execute(SORT_TIES, {"first": int(times[0]), "last": int(times[-1])}).fetchnumpy()["row"]
    con.unregister("tied_segments")
    return segments.take(pa.array(order))


def _group_by_cluster(segments: pa.RecordBatch) -> pa.RecordBatch:
    """Return the segments grouped by cluster, in their order; all segments of a line are of one cluster.

    They are grouped while they are numbers, before they are serialised.
    """
    clusters = segments["cluster_id"].to_numpy()
    # NumPy sorts integers of at most 16 bits by radix sort.
    narrow = clusters.astype(np.min_scalar_type(clusters.max()))
    return segments.take(pa.array(np.argsort(narrow, kind="stable")))


def _serialise_by_cluster(
    segments: pa.RecordBatch, sources: LineSources, line_format: LineFormat
) -> Iterator[LineBatch]:
    """Yield the lines of each cluster together, in their order, because a Python object for each line would cost more.

    Args:
        segments: Grouped by cluster.
        sources: The fragments that lines are assembled from.
        line_format: The format of the lines.
    """
    line_ends = 1 + np.flatnonzero(segments["position"].to_numpy() == 0)
    # Cut only where a line ends.
    targets = np.arange(SEGMENTS_PER_SERIALISATION, len(segments), SEGMENTS_PER_SERIALISATION)
    cuts = line_ends[np.searchsorted(line_ends, targets)]
    for start, end in pairwise(np.unique([0, *cuts, len(segments)]).tolist()):
        yield from _serialise(segments.slice(start, end - start), sources, line_format)


def _serialise(segments: pa.RecordBatch, sources: LineSources, line_format: LineFormat) -> Iterator[LineBatch]:
    """Yield the lines of each cluster from segments that are grouped by cluster."""
    _, ends, text = serialise_segments(segments, sources, line_format).buffers()
    ends, text = np.frombuffer(ends, np.int64), memoryview(text)
    clusters = segments["cluster_id"].to_numpy()
    starts = np.flatnonzero(np.diff(clusters, prepend=-1))
    counts = np.add.reduceat(segments["position"].to_numpy() == 0, starts, dtype=np.int64)
    byte_ranges = pairwise(ends[np.append(starts, len(segments))].tolist())
    for cluster, count, (start, end) in zip(clusters[starts].tolist(), counts.tolist(), byte_ranges, strict=True):
        yield cluster, text[start:end], count


def _fetch_user_ids(con: duckdb.DuckDBPyConnection) -> pa.LargeStringArray:
    ids = con.sql("SELECT json_string(user_id)::VARCHAR AS user_id FROM members ORDER BY member").to_arrow_table()
    return ids["user_id"].cast(pa.large_string()).combine_chunks()


def _build_time_index(con: duckdb.DuckDBPyConnection, messages: int) -> TimeIndex:
    """Return the index of times; `messages` is the number of messages, those removed as duplicates included."""
    times = np.zeros(messages, dtype=np.int64)
    for batch in con.sql("SELECT id, event_time_us FROM messages").to_arrow_reader():
        times[batch["id"].to_numpy()] = batch["event_time_us"].to_numpy()
    return TimeIndex(times, con.sql(SELECT_LINE_TIMES).fetchnumpy()["event_time_us"])
