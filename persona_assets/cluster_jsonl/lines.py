"""Write what was found as JSON lines, in the order of the files, without holding more than a batch of them.

The format is the reference's (BluePrint, arXiv 2510.02343), key by key: an array of messages `{"user_id",
"text", "unix_epoch"}`, the text left out when empty, the time in microseconds, and for an action a second
message `{"user_id", "actions", "unix_epoch", "text"}`. DuckDB escapes the strings; text is UTF-8, where the
reference escapes all but ASCII: the JSON is equal.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.cluster_jsonl.contents import Contents
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


class Words(NamedTuple):
    """What lines are put together from, each looked up by a number."""

    contents: pa.LargeStringArray  # by messages.id
    names: pa.LargeStringArray  # user ids as JSON, by members.member
    acts: pa.LargeStringArray  # from "actions" to the time, by kind; nothing for 0


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


def stream_lines(con: duckdb.DuckDBPyConnection, contents: Contents) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of all clusters, by time, then user, then URI of the message or act that they end with.

    Args:
        con: With the tables `members`, `messages`, `paths`, `resolved` and `ignored`.
        contents: Of `messages`.

    Yields:
        A cluster and one or more of its lines, UTF-8 JSON with a line end between them and none after the last.
    """
    con.register("act_kinds", pa.table({"action": ACT_KEYS, "kind": range(1, len(ACT_KEYS) + 1)}))
    for statement in (PARTS, TIED, PLACES):
        con.execute(statement)
    words = Words(contents.open(), _fetch_names(con), _spell_acts())
    held: pa.RecordBatch | None = None
    for batch in con.sql(ORDERED_PARTS).to_arrow_reader(PARTS_AT_ONCE):
        parts = batch if held is None else pa.concat_batches([held, batch])
        # A line's last part is at position 0: what follows the last of these waits for the next batch.
        ends = np.flatnonzero(parts["position"].to_numpy() == 0) + 1
        whole = int(ends[-1]) if len(ends) else 0
        if whole:
            lines = _put_together(parts.slice(0, whole), ends, words)
            yield from _gather(parts["cluster_id"].to_numpy()[ends - 1], lines)
        held = parts.slice(whole)


def _put_together(parts: pa.RecordBatch, ends: npt.NDArray[np.int64], words: Words) -> pa.LargeStringArray:
    """Return the lines whose parts end before each of `ends`."""
    is_act = pc.greater(parts["kind"], 0)
    opens_act = pc.if_else(pc.is_valid(parts["message"]), _literal(',{"user_id":'), _literal('{"user_id":'))
    ends_thread = pc.if_else(pc.equal(parts["position"], 0), _literal("]"), _literal(""))
    spelled = pc.binary_join_element_wise(
        pc.if_else(parts["is_first"], _literal("["), _literal(",")),
        words.contents.take(parts["message"]),
        pc.if_else(is_act, opens_act, _literal("")),
        words.names.take(pc.if_else(is_act, parts["member"], None)),
        words.acts.take(parts["kind"]),
        pc.if_else(is_act, parts["event_time_us"], None).cast(pa.large_string()),
        parts["text"].cast(pa.large_string()),
        pc.if_else(is_act, _literal("}]"), ends_thread),
        _literal(""),
        null_handling="replace",
        null_replacement="",
    )
    return pc.binary_join(pa.LargeListArray.from_arrays(np.append(0, ends), spelled), _literal(""))


def _literal(text: str) -> pa.LargeStringScalar:
    return pa.scalar(text, pa.large_string())


def _gather(clusters: npt.NDArray[np.int32], lines: pa.LargeStringArray) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of each cluster together, in their order: a Python object for each line would cost more."""
    order = np.argsort(clusters, kind="stable")
    starts = np.flatnonzero(np.diff(clusters[order], prepend=-1))
    of_clusters = pa.LargeListArray.from_arrays(np.append(starts, len(order)), lines.take(pa.array(order)))
    together = pc.binary_join(of_clusters, _literal("\n")).cast(pa.large_binary())
    yield from zip(clusters[order[starts]].tolist(), together.to_pylist(), strict=True)


def _fetch_names(con: duckdb.DuckDBPyConnection) -> pa.LargeStringArray:
    names = con.sql("SELECT to_json(user_id)::VARCHAR AS name FROM members ORDER BY member").to_arrow_table()
    return names["name"].cast(pa.large_string()).combine_chunks()


def _spell_acts() -> pa.LargeStringArray:
    spelled = [json.dumps({key: key == act for key in ACT_KEYS}, separators=(",", ":")) for act in ACT_KEYS]
    return pa.array(["", *(f',"actions":{keys},"unix_epoch":' for keys in spelled)], pa.large_string())
