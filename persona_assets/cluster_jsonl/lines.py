"""Write what was found as lines, in the order of the files, without holding more than a batch of them."""

from collections.abc import Iterator
from itertools import pairwise

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.cluster_jsonl.contents import Contents
from persona_assets.cluster_jsonl.spell import ACT_KEYS, Clock, LineFormat, Words, spell_parts
from persona_assets.cluster_jsonl.threads import climb, find_leaves
from persona_assets.cluster_jsonl.window import Forest

PARTS_AT_ONCE = 100_000

PATHS = """
    CREATE TEMP TABLE paths AS
    SELECT leaf.event_time_us, leaf.member, leaf.cluster_id, hash(leaf.uri) AS uri_hash, climbed.* EXCLUDE (leaf)
    FROM climbed JOIN messages AS leaf ON leaf.id = climbed.leaf
"""

PARTS = """
    CREATE TEMP VIEW parts AS
    SELECT
        event_time_us, member, cluster_id, uri_hash, 0 AS other_hash, 0 AS kind, position, is_first, message,
        NULL AS text
    FROM paths
    UNION ALL
    SELECT event_time_us, member, cluster_id, uri_hash, other_hash, act_kinds.kind, 0, true, target_id, text
    FROM resolved JOIN act_kinds USING (action)
    WHERE outcome = 'written'
    UNION ALL
    SELECT
        ignored.event_time_us, ignored.member, ignored.cluster_id, hash(uri), 0, act_kinds.kind, 0, true, target_id,
        NULL
    FROM ignored JOIN act_kinds ON act_kinds.action = 'ignore' JOIN messages ON messages.id = target_id
"""
"""What lines are made of: one row for each message of a conversation (kind 0), one for an act and its content."""

TIED = """
    CREATE TEMP TABLE tied AS
    SELECT event_time_us, member FROM parts WHERE position = 0
    GROUP BY ALL
    HAVING min(uri_hash) <> max(uri_hash) OR count(*) FILTER (kind > 0) > 1
"""
"""Instants at which one user has several lines, a quote and its act aside: only there does the order need URIs. To
sort all lines by URI too takes three times as long as to sort them by numbers."""

PLACES = """
    CREATE TEMP TABLE places AS
    SELECT event_time_us, member, hash(uri) AS uri_hash,
        dense_rank() OVER (PARTITION BY event_time_us, member ORDER BY uri) AS place
    FROM (
        SELECT a.event_time_us, members.member, a.uri
        FROM user_actions AS a
        JOIN members ON members.user_id = a.user_id
        SEMI JOIN tied ON tied.event_time_us = a.event_time_us AND tied.member = members.member
        UNION
        SELECT ignored.event_time_us, ignored.member, uri
        FROM ignored JOIN messages ON messages.id = target_id
    )
    WHERE uri IS NOT NULL
"""
"""The place of each line among those of the same user and instant, by URI."""

ORDERED_PARTS = """
    SELECT
        parts.cluster_id, parts.event_time_us, parts.member, parts.kind, parts.position, parts.is_first, parts.message,
        CASE WHEN parts.text <> '' THEN ',"text":' || to_json(parts.text) END AS text
    FROM parts LEFT JOIN places USING (event_time_us, member, uri_hash)
    ORDER BY
        event_time_us, member, coalesce(place, 0), kind, position, CASE WHEN place IS NULL THEN 0 ELSE other_hash END
"""
"""The parts of all lines, those of one line together, by time, user and URI of what the line ends with; then
conversations before acts, these in the order of their keys; then from a thread's first message on. What is still
equal are two records of one URI and instant, which only a forger makes."""

INSTANTS = """
    SELECT event_time_us FROM parts WHERE kind > 0
    UNION
    SELECT event_time_us FROM messages SEMI JOIN parts ON parts.message = messages.id
    ORDER BY event_time_us
"""


def find_paths(con: duckdb.DuckDBPyConnection, forest: Forest, *, max_thread_messages: int) -> int:
    """Create the table `paths`, one row for each message of a conversation line; return the number of lines.

    Args:
        con: With the tables of `window.load_window`.
        forest: From there too.
        max_thread_messages: Most messages of a line: the last one and those nearest above it.
    """
    leaves = find_leaves(forest.parents, forest.clusters)
    schema = pa.schema(
        [("leaf", pa.int32()), ("position", pa.int32()), ("message", pa.int32()), ("is_first", pa.bool_())]
    )
    pieces = climb(forest.parents, leaves, max_thread_messages=max_thread_messages)
    batches = (pa.record_batch([pa.array(column) for column in piece], schema) for piece in pieces)
    con.register("climbed", pa.RecordBatchReader.from_batches(schema, batches))
    con.execute(PATHS)
    con.unregister("climbed")
    return len(leaves)


def stream_lines(
    con: duckdb.DuckDBPyConnection, contents: Contents, line_format: LineFormat
) -> Iterator[tuple[int, bytes, int]]:
    """Yield the lines of all clusters, by time, then user, then URI of the message or act that they end with.

    Args:
        con: With the tables `members`, `messages`, `paths`, `resolved` and `ignored`.
        contents: Of `messages`.
        line_format: How lines are spelled. For "blueprint" 8 bytes are held for each message and each instant.

    Yields:
        A cluster, some of its lines as UTF-8 JSON, each with its line end, and how many they are.
    """
    con.register("act_kinds", pa.table({"action": ACT_KEYS, "kind": range(1, len(ACT_KEYS) + 1)}))
    for statement in (PARTS, TIED, PLACES):
        con.execute(statement)
    clock = None if line_format == "arrays" else _wind_clock(con, contents.count)
    words = Words(contents.open(), _fetch_names(con), clock)
    held: pa.RecordBatch | None = None
    for batch in con.sql(ORDERED_PARTS).to_arrow_reader(PARTS_AT_ONCE):
        parts = batch if held is None else pa.concat_batches([held, batch])
        # What follows the last whole line waits for the next batch.
        ends = _find_ends(parts)
        whole = int(ends[-1]) if len(ends) else 0
        if whole:
            yield from _spell_by_cluster(parts.slice(0, whole), words, line_format)
        held = parts.slice(whole)


def _spell_by_cluster(parts: pa.RecordBatch, words: Words, line_format: LineFormat) -> Iterator[tuple[int, bytes, int]]:
    """Yield the lines of each cluster together, in their order: a Python object for each line would cost more.

    Parts are brought together before they are spelled, as numbers: a line's are all of one cluster.
    """
    parts = parts.take(pa.array(np.argsort(parts["cluster_id"].to_numpy(), kind="stable")))
    _, ends, text = spell_parts(parts, words, line_format).buffers()
    ends, text = np.frombuffer(ends, np.int64), memoryview(text)
    clusters = parts["cluster_id"].to_numpy()
    starts = np.flatnonzero(np.diff(clusters, prepend=-1))
    counts = np.add.reduceat(parts["position"].to_numpy() == 0, starts, dtype=np.int64)
    stretches = pairwise(ends[np.append(starts, len(parts))].tolist())
    for cluster, count, (start, end) in zip(clusters[starts].tolist(), counts.tolist(), stretches, strict=True):
        yield cluster, text[start:end], count


def _find_ends(parts: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return where lines end, in rows: after their last part, which is at position 0."""
    return np.flatnonzero(parts["position"].to_numpy() == 0) + 1


def _fetch_names(con: duckdb.DuckDBPyConnection) -> pa.LargeStringArray:
    names = con.sql("SELECT to_json(user_id)::VARCHAR AS name FROM members ORDER BY member").to_arrow_table()
    return names["name"].cast(pa.large_string()).combine_chunks()


def _wind_clock(con: duckdb.DuckDBPyConnection, messages: int) -> Clock:
    """Return the time of each message by its number, and every instant that lines show, once, ascending."""
    times = np.zeros(messages, dtype=np.int64)
    for batch in con.sql("SELECT id, event_time_us FROM messages").to_arrow_reader():
        times[batch["id"].to_numpy()] = batch["event_time_us"].to_numpy()
    return Clock(times, con.sql(INSTANTS).fetchnumpy()["event_time_us"])
