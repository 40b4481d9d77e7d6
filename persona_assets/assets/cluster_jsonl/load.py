"""Load what the lines of a window need into DuckDB: the personas' users and everybody's messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.content_file import Contents
from persona_assets.assets.cluster_jsonl.line_formats import LineFormat
from persona_assets.assets.cluster_jsonl.serialise import JSON_STRING, time_in_sql
from persona_assets.assets.cluster_jsonl.threads import Rows, find_cycles
from persona_assets.assets.cluster_jsonl.without_text import HAS_NO_WORDS
from persona_assets.common.database import INTERRUPT_ERRORS, create_dataset_view, find_duplicate_values
from persona_assets.common.interrupts import ending_on_signal


class Inputs(NamedTuple):
    """The tables that lines are made from, each lazy and in any order."""

    clusters: pads.Dataset  # tables.CLUSTERS of the day
    english_users: pads.Dataset  # tables.ENGLISH_USERS of the day
    user_actions: pads.Dataset  # tables.USER_ACTIONS of the window
    english_posts: pads.Dataset  # tables.ENGLISH_POSTS of the window
    embeddings: pads.Dataset  # tables.embeddings_schema of the window; read only for ignored messages


class Forest(NamedTuple):
    """The messages of the window by `messages.id`: who answers whom, and whose they are."""

    parents: Rows  # the message answered, or -1; without cycles
    clusters: Rows  # the cluster of the author, or -1


ACT_TYPE = f"CREATE TYPE act AS ENUM {tables.ACTIONS}"
"""One byte in place of a string's sixteen."""

MEMBERS = """
    CREATE TABLE members AS
    SELECT (row_number() OVER (ORDER BY user_id) - 1)::INTEGER AS member, user_id, cluster_id FROM clusters
"""
"""The personas' users, numbered in the order of their ids: joins and sorts by number are several times as fast.

Users and records are looked up by their full ids and URIs. DuckDB's hash has no key and can be inverted: whoever
chooses an id or a record key can give it the hash of another's. So hashes only narrow down what is compared in full."""

MESSAGES = """
    SELECT
        a.uri, hash(a.uri) AS uri_hash, a.user_id, a.action, a.event_time_us, a.parent_uri,
        members.member, members.cluster_id,
        CASE WHEN members.member IS NOT NULL THEN a.quoted_uri END AS quoted_uri,
        CASE WHEN members.member IS NOT NULL AND a.action = 'quote' THEN a.text END AS quote_text,
        has_no_words(a.text) AS is_wordless,
        a.uri IN (SELECT uri FROM english_posts) AND NOT is_wordless AS is_english,
        '{{"user_id":' || json_string(a.user_id)
        || CASE WHEN a.text IS NULL OR a.text = '' THEN '' ELSE ',"text":' || json_string(a.text) END
        || {time} AS content
    FROM user_actions AS a
    LEFT JOIN members ON members.user_id = a.user_id
    WHERE a.action IN ('post', 'reply', 'quote')
"""
"""Everybody's messages. `content` is the message as `serialise.LineSources` has it: it goes to a file, all else to a
table. A record that was made anew without words is not English, though its URI is that of an English post."""

REPEATED = """
    CREATE TEMP TABLE repeated AS
    SELECT id, cluster_id, action FROM messages JOIN suspects USING (id)
    QUALIFY row_number() OVER (
        PARTITION BY uri ORDER BY event_time_us DESC, content DESC, action, parent_uri, quoted_uri
    ) > 1
"""
"""Records that come again: the same event on both sides of midnight, or a record made anew. The last stands,
as in `english_posts`. `suspects`, the messages whose URI's hash comes more than once, keeps URIs and contents out of a
window over all messages."""

EDGES = """
    SELECT answer.id AS child, parent.id AS parent
    FROM messages AS answer JOIN messages AS parent ON parent.uri = answer.parent_uri
"""

EARLIEST_FIRST = "SELECT id FROM messages JOIN rows ON rows.row = messages.id ORDER BY event_time_us, uri"


def load_window(con: duckdb.DuckDBPyConnection, inputs: Inputs, contents: Contents, line_format: LineFormat) -> Forest:
    """Create the tables `members`, `messages` and `repeated`, views of the inputs, and the forest of threads.

    `messages` holds each message of the window once; `repeated` what was taken out of it. Both spill to disk
    beyond the memory limit; the forest takes 8 bytes a message, and 60 at most while it is made.

    Args:
        con: An empty database.
        inputs: What is to be loaded.
        contents: Is given the JSON of each message, at the place of its `messages.id`, and closed.
        line_format: How lines will be spelled.
    """
    for name in ("clusters", "english_users", "user_actions", "english_posts"):
        create_dataset_view(con, name, getattr(inputs, name))
    con.execute(ACT_TYPE)
    con.execute(JSON_STRING)
    con.execute(HAS_NO_WORDS)
    con.execute(MEMBERS)
    # A cursor of its own: the connection is busy with the table that this query's rows go to.
    with con.cursor() as cursor, ending_on_signal(cursor.interrupt, fails_with=INTERRUPT_ERRORS), closing(contents):
        for name in ("user_actions", "english_posts"):
            create_dataset_view(cursor, name, getattr(inputs, name))
        con.register(
            "numbered", _number(cursor.sql(MESSAGES.format(time=time_in_sql(line_format))).to_arrow_reader(), contents)
        )
        con.execute("CREATE TABLE messages AS SELECT * REPLACE (action::act AS action) FROM numbered")
    con.unregister("numbered")
    _remove_repeated(con, contents)
    return _build_reply_forest(con, contents.count)


def _number(messages: pa.RecordBatchReader, contents: Contents) -> pa.RecordBatchReader:
    """Put the contents away and a number in their place. 32 bits will do: a year of the whole network."""
    others = [field for field in messages.schema if field.name != "content"]
    schema = pa.schema([pa.field("id", pa.int32()), *others])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in messages:
            ids = np.arange(contents.count, contents.count + batch.num_rows, dtype=np.int32)
            contents.append(batch["content"])
            yield pa.record_batch([pa.array(ids), *(batch[field.name] for field in others)], schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _remove_repeated(con: duckdb.DuckDBPyConnection, contents: Contents) -> None:
    con.register("several", pa.table({"uri_hash": find_duplicate_values(con, "messages", "uri_hash")}))
    suspects = con.sql("SELECT id FROM messages SEMI JOIN several USING (uri_hash)").to_arrow_table()
    con.unregister("several")
    con.register("suspects", _fetch_contents(suspects, contents.open()))
    con.execute(REPEATED)
    con.unregister("suspects")
    con.execute("DELETE FROM messages WHERE id IN (SELECT id FROM repeated)")


def _fetch_contents(messages: pa.Table, contents: pa.LargeStringArray) -> pa.RecordBatchReader:
    schema = messages.schema.append(pa.field("content", pa.large_string()))
    batches = (batch.append_column("content", contents.take(batch["id"])) for batch in messages.to_batches(100_000))
    return pa.RecordBatchReader.from_batches(schema, batches)


def _build_reply_forest(con: duckdb.DuckDBPyConnection, count: int) -> Forest:
    parents = _fill(con, EDGES, count)
    clusters = _fill(con, "SELECT id, cluster_id FROM messages WHERE cluster_id IS NOT NULL", count)
    for cycle in find_cycles(parents):
        parents[_find_earliest(con, cycle)] = -1
    return Forest(parents, clusters)


def _fill(con: duckdb.DuckDBPyConnection, query: str, count: int) -> Rows:
    """Return an array that holds the query's second column at its first, and -1 elsewhere."""
    values = np.full(count, -1, dtype=np.int32)
    for batch in con.sql(query).to_arrow_reader():
        values[batch.column(0).to_numpy()] = batch.column(1).to_numpy()
    return values


def _find_earliest(con: duckdb.DuckDBPyConnection, cycle: Rows) -> int:
    """Return the message of a cycle that its thread is to start with."""
    con.register("rows", pa.table({"row": cycle}))
    (first,) = con.sql(EARLIEST_FIRST).fetchall()[0]
    con.unregister("rows")
    return first
