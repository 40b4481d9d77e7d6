"""Load the window into DuckDB: the users of clusters, everybody's messages, and who replies to whom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.excluded import CREATE_EXCLUDED_MESSAGES, create_excluded_tables
from persona_assets.assets.cluster_jsonl.line_formats import LineFormat
from persona_assets.assets.cluster_jsonl.serialise import CREATE_JSON_STRING_MACRO, time_key_and_absolute_value_sql
from persona_assets.assets.cluster_jsonl.threads import Int32Array, find_cycles
from persona_assets.assets.cluster_jsonl.without_text import CREATE_HAS_NO_TEXT_MACRO
from persona_assets.common.content_file import ContentFile
from persona_assets.common.database import INTERRUPT_ERRORS, create_dataset_view, find_duplicate_values
from persona_assets.common.interrupts import interrupting_on_signal
from persona_assets.consent.left_out import NOTHING_LEFT_OUT, LeftOut


class LineInputs(NamedTuple):
    """The tables that JSON lines are built from, as lazy datasets of the window, rows in any order."""

    clusters: pads.Dataset  # tables.CLUSTERS of the day
    english_users: pads.Dataset  # tables.ENGLISH_USERS of the day
    user_actions: pads.Dataset  # tables.USER_ACTIONS of the window
    english_posts: pads.Dataset  # tables.ENGLISH_POSTS of the window
    embeddings: pads.Dataset  # tables.embeddings_schema of the window; read only for ignored messages
    left_out: LeftOut = NOTHING_LEFT_OUT  # accounts and posts of the window that no line may have


class ReplyForest(NamedTuple):
    """For each message, the message that it replies to and its author's cluster: arrays indexed by `messages.id`."""

    parents: Int32Array  # (n,), the message replied to, or -1; without cycles
    clusters: Int32Array  # (n,), the cluster of the author, or -1


CREATE_ACTION_TYPE = f"CREATE TYPE action_type AS ENUM {tables.ACTIONS}"
"""An enum takes one byte where a string takes sixteen."""

CREATE_MEMBERS = """
    CREATE TABLE members AS
    SELECT (row_number() OVER (ORDER BY user_id) - 1)::INTEGER AS member, user_id, cluster_id
    FROM clusters ANTI JOIN excluded_users USING (user_id)
"""
"""Joins and sorts by number are several times as fast as by user id.

Users and records are looked up by their full ids and URIs. DuckDB's hash has no key and can be inverted, so whoever
chooses an id or a record key can give it the hash of another one. Hashes only narrow down what is compared in full."""

SELECT_MESSAGES = """
    SELECT
        a.uri, hash(a.uri) AS uri_hash, a.user_id, a.action, a.event_time_us, a.parent_uri,
        members.member, members.cluster_id,
        CASE WHEN members.member IS NOT NULL THEN a.quoted_uri END AS quoted_uri,
        CASE WHEN members.member IS NOT NULL AND a.action = 'quote' THEN a.text END AS quote_text,
        has_no_text(a.text) AS is_without_text,
        a.uri IN (SELECT uri FROM english_posts) AND NOT is_without_text AS is_english,
        '{{"user_id":' || json_string(a.user_id)
        || CASE WHEN a.text IS NULL OR a.text = '' THEN '' ELSE ',"text":' || json_string(a.text) END
        || {time} AS content
    FROM user_actions AS a
    ANTI JOIN excluded_users ON excluded_users.user_id = a.user_id
    ANTI JOIN excluded_posts ON excluded_posts.uri = a.uri
    LEFT JOIN members ON members.user_id = a.user_id
    WHERE a.action IN ('post', 'reply', 'quote')
"""
"""`content` is the JSON of the message as in `serialise.LineSources`. It goes to a file, the other columns to a table.

A record that was created again without text is not English, even though an English post has its URI."""

CREATE_DUPLICATE_MESSAGES = """
    CREATE TEMP TABLE duplicate_messages AS
    SELECT id, cluster_id, action FROM messages JOIN possible_duplicates USING (id)
    QUALIFY row_number() OVER (
        PARTITION BY uri ORDER BY event_time_us DESC, content DESC, action, parent_uri, quoted_uri
    ) > 1
"""
"""Messages of one URI: an event delivered on both sides of midnight, or a record that was created again. The last one
is kept, as in `english_posts`. `possible_duplicates` spares the window function the URIs and contents of all other
messages."""

SELECT_REPLIES = """
    SELECT reply.id AS child, parent.id AS parent
    FROM messages AS reply JOIN messages AS parent ON parent.uri = reply.parent_uri
"""

SELECT_EARLIEST_FIRST = "SELECT id FROM messages JOIN cycle_messages USING (id) ORDER BY event_time_us, uri"


def load_window(
    con: duckdb.DuckDBPyConnection, inputs: LineInputs, contents: ContentFile, line_format: LineFormat
) -> ReplyForest:
    """Load the users and distinct messages of a window into DuckDB tables; return which message replies to which.

    Creates `members`, `messages`, `duplicate_messages` and the tables of `excluded.py`, which spill to disk beyond the
    memory limit. The forest takes 8 bytes for each message, and up to 60 while it is built.

    Args:
        con: An empty database.
        inputs: The datasets to load; `embeddings` is not read here.
        contents: An empty file, which receives the JSON of each message at position `messages.id` and is closed.
        line_format: The format of the lines, which decides how times are written.
    """
    for name in ("clusters", "english_users", "user_actions", "english_posts"):
        create_dataset_view(con, name, getattr(inputs, name))
    con.execute(CREATE_ACTION_TYPE)
    con.execute(CREATE_JSON_STRING_MACRO)
    con.execute(CREATE_HAS_NO_TEXT_MACRO)
    create_excluded_tables(con, inputs.left_out)
    con.execute(CREATE_EXCLUDED_MESSAGES)
    con.execute(CREATE_MEMBERS)
    # The query needs a cursor of its own, as the connection is busy creating the table from the query's rows.
    with (
        con.cursor() as cursor,
        interrupting_on_signal(cursor.interrupt, interrupt_errors=INTERRUPT_ERRORS),
        closing(contents),
    ):
        for name in ("user_actions", "english_posts"):
            create_dataset_view(cursor, name, getattr(inputs, name))
        messages = cursor.sql(
            SELECT_MESSAGES.format(time=time_key_and_absolute_value_sql(line_format))
        ).to_arrow_reader()
        con.register("numbered_messages", _number_messages(messages, contents))
        con.execute("CREATE TABLE messages AS SELECT * REPLACE (action::action_type AS action) FROM numbered_messages")
    con.unregister("numbered_messages")
    _remove_duplicates(con, contents)
    return _build_reply_forest(con, contents.count)


def _number_messages(messages: pa.RecordBatchReader, contents: ContentFile) -> pa.RecordBatchReader:
    """Append the column `content` to the file and replace it by `id`, the position in the file.

    32 bits are enough for the messages of the whole network in a year.
    """
    others = [field for field in messages.schema if field.name != "content"]
    schema = pa.schema([pa.field("id", pa.int32()), *others])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in messages:
            ids = np.arange(contents.count, contents.count + batch.num_rows, dtype=np.int32)
            contents.append(batch["content"])
            yield pa.record_batch([pa.array(ids), *(batch[field.name] for field in others)], schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _remove_duplicates(con: duckdb.DuckDBPyConnection, contents: ContentFile) -> None:
    hashes = find_duplicate_values(con, "messages", "uri_hash")
    con.register("repeated_message_hashes", pa.table({"uri_hash": hashes}))
    ids = con.sql("SELECT id FROM messages SEMI JOIN repeated_message_hashes USING (uri_hash)").to_arrow_table()
    con.unregister("repeated_message_hashes")
    con.register("possible_duplicates", _add_contents(ids, contents.open_as_array()))
    con.execute(CREATE_DUPLICATE_MESSAGES)
    con.unregister("possible_duplicates")
    con.execute("DELETE FROM messages WHERE id IN (SELECT id FROM duplicate_messages)")


def _add_contents(messages: pa.Table, contents: pa.LargeStringArray) -> pa.RecordBatchReader:
    schema = messages.schema.append(pa.field("content", pa.large_string()))
    batches = (batch.append_column("content", contents.take(batch["id"])) for batch in messages.to_batches(100_000))
    return pa.RecordBatchReader.from_batches(schema, batches)


def _build_reply_forest(con: duckdb.DuckDBPyConnection, count: int) -> ReplyForest:
    parents = _query_to_array(con, SELECT_REPLIES, count)
    clusters = _query_to_array(con, "SELECT id, cluster_id FROM messages WHERE cluster_id IS NOT NULL", count)
    for cycle in find_cycles(parents):
        parents[_find_earliest(con, cycle)] = -1
    return ReplyForest(parents, clusters)


def _query_to_array(con: duckdb.DuckDBPyConnection, query: str, count: int) -> Int32Array:
    """Return int32 `(count,)`: the query's second column at the positions in its first column, and -1 elsewhere."""
    values = np.full(count, -1, dtype=np.int32)
    for batch in con.sql(query).to_arrow_reader():
        values[batch.column(0).to_numpy()] = batch.column(1).to_numpy()
    return values


def _find_earliest(con: duckdb.DuckDBPyConnection, cycle: Int32Array) -> int:
    """Return the earliest message of a reply cycle, which becomes the first message of its thread."""
    con.register("cycle_messages", pa.table({"id": cycle}))
    (first,) = con.sql(SELECT_EARLIEST_FIRST).fetchall()[0]
    con.unregister("cycle_messages")
    return first
