"""Write what was found as lines, in the order of the files, without holding more than a batch of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_assets.assets.cluster_jsonl.content_file import Contents
from persona_assets.assets.cluster_jsonl.line_formats import LineFormat
from persona_assets.assets.cluster_jsonl.load import Forest
from persona_assets.assets.cluster_jsonl.serialise import (
    ACT_KEYS,
    LineSources,
    TimeIndex,
    serialise_segments,
)
from persona_assets.assets.cluster_jsonl.threads import climb, find_leaves

# Brought together by cluster at once, as numbers: enough for a stretch of each of 1000 clusters to be worth a write.
PARTS_AT_ONCE = 300_000
# Spelled at once: few enough for what they become to stay in the processor's cache.
SPELLED_AT_ONCE = 30_000

# A cluster, some of its lines as UTF-8 JSON, each with its line end, and how many they are.
SomeLines = tuple[int, bytes | memoryview, int]

PATHS = """
    CREATE TEMP TABLE paths AS
    SELECT leaf.event_time_us, leaf.member, leaf.cluster_id, climbed.*
    FROM climbed JOIN messages AS leaf ON leaf.id = climbed.leaf
"""

PARTS = """
    CREATE TEMP VIEW parts AS
    SELECT
        event_time_us, member, cluster_id, leaf::BIGINT AS source, 0::TINYINT AS kind, position, is_first, message,
        NULL AS text
    FROM paths
    UNION ALL
    SELECT
        event_time_us, member, cluster_id, coalesce(resolved.message, -1 - resolved.rowid), act_kinds.kind, 0, true,
        target_id, text
    FROM resolved JOIN act_kinds USING (action)
    WHERE outcome = 'written'
    UNION ALL
    SELECT event_time_us, member, cluster_id, target_id, act_kinds.kind, 0, true, target_id, NULL
    FROM ignored JOIN act_kinds ON act_kinds.action = 'ignore'
"""
"""What lines are made of: one row for each message of a conversation (kind 0), one for an act and its content.
`source` says whose URI decides a line's place: that of the message of this id or, below 0, of an act in `resolved`."""

SORTED_PARTS = """
    SELECT
        cluster_id, event_time_us, member, kind, position, is_first, message, source,
        CASE WHEN text <> '' THEN ',"text":' || json_string(text) END AS text
    FROM parts
    ORDER BY event_time_us, member, kind, position
"""
"""The parts of all lines by time and user; then conversations before acts, these in the order of their keys; then from
a thread's first message on. Where a user has several lines at one instant, URIs come before all that: `REORDERED`. To
sort all lines by URI takes three times as long as to sort them by numbers."""

REORDERED = """
    WITH named AS (
        SELECT tied.*, uri, NULL AS other, NULL AS text
        FROM tied JOIN messages ON messages.id = source
        UNION ALL
        SELECT tied.*, resolved.uri, coalesce(other, target.uri), text
        FROM tied JOIN resolved ON resolved.rowid = -1 - source LEFT JOIN messages AS target ON target.id = target_id
        WHERE resolved.event_time_us BETWEEN $first AND $last
    )
    SELECT row FROM named ORDER BY event_time_us, member, uri, kind, position, other, text
"""
"""The rows of `tied` by URI of what their line ends with, then as all parts are. What is still equal are two records of
one URI and instant, which only a forger makes: they are sorted by what they act on."""

INSTANTS = """
    SELECT event_time_us FROM parts WHERE kind > 0
    UNION
    SELECT event_time_us FROM messages SEMI JOIN parts ON parts.message = messages.id
    ORDER BY event_time_us
"""


def find_paths(con: duckdb.DuckDBPyConnection, forest: Forest, *, max_thread_messages: int) -> int:
    """Create the table `paths`, one row for each message of a conversation line; return the number of lines.

    Beside it `cut_off`: the messages of users of clusters that no path of their cluster goes up to, by `messages.id`.

    Args:
        con: With the tables of `window.load_window`.
        forest: From there too.
        max_thread_messages: Most messages of a line: the last one and those nearest above it.
    """
    leaves = find_leaves(forest.parents, forest.clusters)
    schema = pa.schema(
        [("leaf", pa.int32()), ("position", pa.int32()), ("message", pa.int32()), ("is_first", pa.bool_())]
    )
    is_cut_off = forest.clusters >= 0

    def batches() -> Iterator[pa.RecordBatch]:
        for piece in climb(forest.parents, leaves, max_thread_messages=max_thread_messages):
            is_own = forest.clusters[piece.message] == forest.clusters[piece.leaf]
            is_cut_off[piece.message[is_own]] = False
            yield pa.record_batch([pa.array(column) for column in piece], schema)

    con.register("climbed", pa.RecordBatchReader.from_batches(schema, batches()))
    con.execute(PATHS)
    con.unregister("climbed")
    con.register("beyond", pa.table({"message": np.flatnonzero(is_cut_off).astype(np.int32)}))
    con.execute("CREATE TEMP TABLE cut_off AS FROM beyond")
    con.unregister("beyond")
    return len(leaves)


def stream_lines(con: duckdb.DuckDBPyConnection, contents: Contents, line_format: LineFormat) -> Iterator[SomeLines]:
    """Yield the lines of all clusters, by time, then user, then URI of the message or act that they end with.

    Args:
        con: With the tables `members`, `messages`, `paths`, `resolved` and `ignored`.
        contents: Of `messages`.
        line_format: The form of lines. Where times are relative, 8 bytes are held for each message and each instant.
    """
    # One byte, not eight: the kind is a key of the sort.
    kinds = pa.array(range(1, len(ACT_KEYS) + 1), pa.int8())
    con.register("act_kinds", pa.table({"action": ACT_KEYS, "kind": kinds}))
    con.execute(PARTS)
    time_index = _build_time_index(con, contents.count) if line_format.is_time_relative else None
    words = LineSources(contents.open(), _fetch_names(con), time_index)
    # A cursor of its own: the connection is busy with the parts.
    with con.cursor() as cursor:
        for parts in _read_instants(con.sql(SORTED_PARTS).to_arrow_reader(PARTS_AT_ONCE)):
            yield from _serialise_by_cluster(_put_in_order(cursor, parts), words, line_format)


def _read_instants(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the same rows, those of one user and instant, and so those of a line, together."""
    held: pa.RecordBatch | None = None
    for batch in batches:
        parts = batch if held is None else pa.concat_batches([held, batch])
        # What the last instant has may go on in the next batch.
        whole = int(_find_instants(parts)[-1])
        if whole:
            yield parts.slice(0, whole)
        held = parts.slice(whole)
    if held is not None and len(held):
        yield held


def _find_instants(parts: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return the rows with which another user or instant begins."""
    times, members = parts["event_time_us"].to_numpy(), parts["member"].to_numpy()
    differs = (times[1:] != times[:-1]) | (members[1:] != members[:-1])
    return np.flatnonzero(np.append(True, differs))


def _put_in_order(con: duckdb.DuckDBPyConnection, parts: pa.RecordBatch) -> pa.RecordBatch:
    """Sort the lines of one user and instant by URI, where there are several: a quote and its act aside."""
    starts = _find_instants(parts)
    several = np.add.reduceat(parts["position"].to_numpy() == 0, starts, dtype=np.int64) > 1
    if not several.any():
        return parts
    sources = parts["source"].to_numpy()
    acts = np.add.reduceat(parts["kind"].to_numpy() > 0, starts, dtype=np.int64)
    one_message = np.minimum.reduceat(sources, starts) == np.maximum.reduceat(sources, starts)
    tied = np.repeat(several & ~(one_message & (acts <= 1)), np.diff(starts, append=len(parts)))
    rows = np.flatnonzero(tied)
    if not len(rows):
        return parts
    keys = parts.select(["event_time_us", "member", "kind", "position", "source"]).take(pa.array(rows))
    con.register("tied", keys.append_column("row", pa.array(rows)))
    times = keys["event_time_us"].to_numpy()
    order = np.arange(len(parts))
    order[rows] = con.execute(REORDERED, {"first": int(times[0]), "last": int(times[-1])}).fetchnumpy()["row"]
    con.unregister("tied")
    return parts.take(pa.array(order))


def _serialise_by_cluster(parts: pa.RecordBatch, words: LineSources, line_format: LineFormat) -> Iterator[SomeLines]:
    """Yield the lines of each cluster together, in their order: a Python object for each line would cost more.

    Parts are brought together before they are spelled, as numbers: a line's are all of one cluster.
    """
    clusters = parts["cluster_id"].to_numpy()
    # Numbers of 16 bits or fewer are sorted by radix.
    narrow = clusters.astype(np.min_scalar_type(clusters.max()))
    parts = parts.take(pa.array(np.argsort(narrow, kind="stable")))
    line_ends = 1 + np.flatnonzero(parts["position"].to_numpy() == 0)
    # Cut where a line ends.
    cuts = line_ends[np.searchsorted(line_ends, np.arange(SPELLED_AT_ONCE, len(parts), SPELLED_AT_ONCE))]
    for start, end in pairwise(np.unique([0, *cuts, len(parts)]).tolist()):
        yield from _serialise(parts.slice(start, end - start), words, line_format)


def _serialise(parts: pa.RecordBatch, words: LineSources, line_format: LineFormat) -> Iterator[SomeLines]:
    """Yield the lines of each cluster, whose parts come together."""
    _, ends, text = serialise_segments(parts, words, line_format).buffers()
    ends, text = np.frombuffer(ends, np.int64), memoryview(text)
    clusters = parts["cluster_id"].to_numpy()
    starts = np.flatnonzero(np.diff(clusters, prepend=-1))
    counts = np.add.reduceat(parts["position"].to_numpy() == 0, starts, dtype=np.int64)
    stretches = pairwise(ends[np.append(starts, len(parts))].tolist())
    for cluster, count, (start, end) in zip(clusters[starts].tolist(), counts.tolist(), stretches, strict=True):
        yield cluster, text[start:end], count


def _fetch_names(con: duckdb.DuckDBPyConnection) -> pa.LargeStringArray:
    names = con.sql("SELECT json_string(user_id)::VARCHAR AS name FROM members ORDER BY member").to_arrow_table()
    return names["name"].cast(pa.large_string()).combine_chunks()


def _build_time_index(con: duckdb.DuckDBPyConnection, messages: int) -> TimeIndex:
    """Return the time of each message by its number, and every instant that lines show, once, ascending."""
    times = np.zeros(messages, dtype=np.int64)
    for batch in con.sql("SELECT id, event_time_us FROM messages").to_arrow_reader():
        times[batch["id"].to_numpy()] = batch["event_time_us"].to_numpy()
    return TimeIndex(times, con.sql(INSTANTS).fetchnumpy()["event_time_us"])
