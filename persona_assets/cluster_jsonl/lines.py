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

CONTENT_MACRO = """
    CREATE TEMP MACRO as_message(user_id, extra, unix_epoch, before, after) AS
    '{"user_id":' || to_json(user_id) || extra
    || CASE WHEN before IS NULL OR before = '' THEN '' ELSE ',"text":' || to_json(before) END
    || ',"unix_epoch":' || unix_epoch
    || CASE WHEN after IS NULL OR after = '' THEN '' ELSE ',"text":' || to_json(after) END
    || '}'
"""
"""A message: content has its text before the time, an act has `extra` keys and its text after the time."""

PIECES = """
    SELECT
        leaf.event_time_us, leaf.user_id, leaf.uri, 0 AS kind, paths.position, leaf.cluster_id,
        as_message(message.user_id, '', message.event_time_us, message.text, NULL) AS piece
    FROM paths
    JOIN messages AS leaf ON leaf.id = paths.leaf
    JOIN messages AS message ON message.id = paths.message
    UNION ALL
    SELECT
        act.event_time_us, act.user_id, act.uri, 1, 0, act.cluster_id,
        coalesce(as_message(target.user_id, '', target.event_time_us, target.text, NULL) || ',', '')
        || as_message(act.user_id, keys.extra, act.event_time_us, NULL, act.text)
    FROM resolved AS act
    JOIN act_keys AS keys ON keys.action = act.action
    LEFT JOIN messages AS target ON target.id = act.target_id
    WHERE act.outcome = 'written'
    UNION ALL
    SELECT
        ignored.event_time_us, ignored.user_id, target.uri, 2, 0, ignored.cluster_id,
        as_message(target.user_id, '', target.event_time_us, target.text, NULL) || ','
        || as_message(ignored.user_id, keys.extra, ignored.event_time_us, NULL, NULL)
    FROM ignored
    JOIN act_keys AS keys ON keys.action = 'ignore'
    JOIN messages AS target ON target.id = ignored.target_id
    ORDER BY ALL
"""
"""The messages of all lines, those of one line together. `ORDER BY ALL` is by time, user and URI of what the
line ends with, then conversations before actions before ignored messages, then from a thread's first message on."""


def find_paths(con: duckdb.DuckDBPyConnection, forest: Forest, *, max_thread_messages: int) -> int:
    """Create the table `paths` (leaf, position, message) of the conversation lines; return the number of lines.

    Args:
        con: With the tables of `window.load_window`.
        forest: From there too.
        max_thread_messages: Most messages of a line: the last one and those nearest above it.
    """
    leaves = find_leaves(forest.parents, forest.clusters)
    schema = pa.schema([("leaf", pa.int32()), ("position", pa.int32()), ("message", pa.int32())])
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
    con.execute(CONTENT_MACRO)
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
    messages = pc.binary_join(pa.ListArray.from_arrays(offsets, texts), ",")
    lines = pc.binary_join_element_wise("[", messages, "]", "").cast(pa.binary())
    clusters = pieces["cluster_id"].to_numpy()[ends - 1]
    yield from zip(clusters.tolist(), lines.to_numpy(zero_copy_only=False), strict=True)


def _act_keys() -> pa.Table:
    """Return for each act the text of its "actions" key."""
    extras = [
        ',"actions":' + json.dumps({key: key == act for key in ACT_KEYS}, separators=(",", ":")) for act in ACT_KEYS
    ]
    return pa.table({"action": list(ACT_KEYS), "extra": extras})
