"""Write what was found as JSON lines, in the order of the files, without holding more than a batch of them.

The format is the reference's (BluePrint, arXiv 2510.02343), key by key: an array of messages `{"user_id",
"text", "unix_epoch"}`, the text left out when empty, the time in microseconds, and for an action a second
message `{"user_id", "actions", "unix_epoch", "text"}`. DuckDB escapes the strings; text is UTF-8, where the
reference escapes all but ASCII: the JSON is equal.
"""

import json
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.cluster_jsonl.threads import climb, find_leaves
from persona_assets.cluster_jsonl.window import Forest

# The keys of "actions", in the reference's order. An act sets exactly one.
ACT_KEYS = (
    "like",
    "unlike",
    "repost",
    "unrepost",
    "follow",
    "unfollow",
    "block",
    "unblock",
    "post_update",
    "post_delete",
    "profile_update",
    "quote",
    "ignore",
)
PIECES_AT_ONCE = 100_000

TIED = """
    CREATE TEMP TABLE tied AS
    SELECT event_time_us, member
    FROM (
        SELECT event_time_us, member, uri_hash, true AS is_act FROM resolved WHERE outcome = 'written'
        UNION ALL
        SELECT leaf.event_time_us, leaf.member, hash(leaf.uri), false
        FROM paths JOIN messages AS leaf ON leaf.id = paths.leaf WHERE position = 0
        UNION ALL
        SELECT ignored.event_time_us, ignored.member, hash(target.uri), true
        FROM ignored JOIN messages AS target ON target.id = ignored.target_id
    )
    GROUP BY ALL
    HAVING min(uri_hash) <> max(uri_hash) OR count(*) FILTER (is_act) > 1
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
        SELECT ignored.event_time_us, ignored.member, target.uri
        FROM ignored JOIN messages AS target ON target.id = ignored.target_id
    )
    WHERE uri IS NOT NULL
"""
"""The place of each line among those of the same user and instant, by URI."""

PIECES = """
    WITH pieces AS (
        SELECT
            leaf.event_time_us, leaf.member, hash(leaf.uri) AS uri_hash, 0 AS kind, paths.position, leaf.cluster_id,
            CASE WHEN paths.is_first THEN '[' ELSE ',' END || message.content
            || CASE WHEN paths.position = 0 THEN ']' ELSE '' END AS piece
        FROM paths
        JOIN messages AS leaf ON leaf.id = paths.leaf
        JOIN messages AS message ON message.id = paths.message
        UNION ALL
        SELECT
            act.event_time_us, act.member, act.uri_hash, keys.kind, 0, act.cluster_id,
            CASE WHEN target.content IS NULL THEN '[' ELSE '[' || target.content || ',' END
            || '{"user_id":' || names.name || keys.actions || act.event_time_us
            || CASE WHEN act.text IS NULL OR act.text = '' THEN '}]' ELSE ',"text":' || to_json(act.text) || '}]' END
        FROM resolved AS act
        JOIN act_keys AS keys ON keys.action = act.action
        JOIN names ON names.member = act.member
        LEFT JOIN messages AS target ON target.id = act.target_id
        WHERE act.outcome = 'written'
        UNION ALL
        SELECT
            ignored.event_time_us, ignored.member, hash(target.uri), keys.kind, 0, ignored.cluster_id,
            '[' || target.content || ',{"user_id":' || names.name || keys.actions || ignored.event_time_us || '}]'
        FROM ignored
        JOIN act_keys AS keys ON keys.action = 'ignore'
        JOIN names ON names.member = ignored.member
        JOIN messages AS target ON target.id = ignored.target_id
    )
    SELECT pieces.cluster_id, pieces.position, pieces.piece
    FROM pieces
    LEFT JOIN places
    ON places.event_time_us = pieces.event_time_us AND places.member = pieces.member
    AND places.uri_hash = pieces.uri_hash
    ORDER BY pieces.event_time_us, pieces.member, coalesce(places.place, 0), kind, position,
        CASE WHEN places.place IS NULL THEN 0 ELSE hash(piece) END
"""
"""The messages of all lines, those of one line together, by time, user and URI of what the line ends with; then
conversations before acts, these in the order of their keys; then from a thread's first message on. What is still
equal are two records of one URI and instant, which only a forger makes."""


def find_paths(con: duckdb.DuckDBPyConnection, forest: Forest, *, max_thread_messages: int) -> int:
    """Create the table `paths` (leaf, position, message) of the conversation lines; return the number of lines.

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
    con.execute("CREATE TEMP TABLE paths AS SELECT * FROM climbed")
    con.unregister("climbed")
    return len(leaves)


def stream_lines(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, bytes]]:
    """Yield each line and its cluster, by time, then user, then URI of the message or act that it ends with.

    Args:
        con: With the tables `messages`, `paths`, `resolved` and `ignored`.

    Yields:
        The cluster's number, and the line as UTF-8 JSON without its line end.
    """
    con.register("act_keys", _act_keys())
    con.execute("CREATE TEMP TABLE names AS SELECT member, to_json(user_id)::VARCHAR AS name FROM members")
    con.execute(TIED)
    con.execute(PLACES)
    held: pa.RecordBatch | None = None
    for batch in con.sql(PIECES).to_arrow_reader(PIECES_AT_ONCE):
        together = pa.Table.from_batches([batch] if held is None else [held, batch]).combine_chunks()
        # A line's last piece is at position 0: what follows the last of these waits for the next batch.
        ends = np.flatnonzero(together["position"].to_numpy() == 0) + 1
        whole = int(ends[-1]) if len(ends) else 0
        yield from _join_pieces(together, ends)
        held = together.slice(whole).combine_chunks().to_batches()[0] if whole < len(together) else None


def _join_pieces(pieces: pa.Table, ends: np.ndarray) -> Iterator[tuple[int, bytes]]:
    """Yield lines, each made of the pieces before one of `ends` and after the one before."""
    if not len(ends):
        return
    offsets = pa.array(np.append(0, ends), pa.int32())
    texts = pieces["piece"].slice(0, ends[-1]).combine_chunks()
    lines = pc.binary_join(pa.ListArray.from_arrays(offsets, texts), "").cast(pa.binary())
    clusters = pieces["cluster_id"].to_numpy()[ends - 1]
    yield from zip(clusters.tolist(), lines.to_numpy(zero_copy_only=False), strict=True)


def _act_keys() -> pa.Table:
    """Return for each act the text from its "actions" key to its time."""
    texts = [
        f',"actions":{json.dumps({key: key == act for key in ACT_KEYS}, separators=(",", ":"))},"unix_epoch":'
        for act in ACT_KEYS
    ]
    kinds = range(1, len(ACT_KEYS) + 1)  # 0 is a conversation
    return pa.table({"action": list(ACT_KEYS), "actions": texts, "kind": pa.array(kinds, pa.int32())})
