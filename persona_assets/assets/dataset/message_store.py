"""Read what each message of the lines says, who wrote it, and which thread it is in, by the message's number.

Texts are kept in files and looked up by number, as lines repeat messages: a post is in the line of each of its likes.
Texts of acts, such as a quote's, follow those of the messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.common.content_file import ContentFile
from persona_assets.errors import StorageError

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
# Takes texts and returns them as they are released, and how many pieces of personal data were replaced, by kind.
Cleaner = Callable[[list[str | None]], tuple[list[str | None], dict[str, int]]]

CREATE_DELETED = """
    CREATE TEMP TABLE deleted AS
    SELECT DISTINCT uri FROM user_actions
    WHERE action IN ('post_delete', 'unlike', 'unrepost', 'unfollow', 'unblock') AND uri IS NOT NULL
    UNION
    SELECT uri FROM left_out_posts
"""

CREATE_SOURCES = """
    CREATE TEMP TABLE sources AS
    SELECT line_messages.message, user_id, text, root_uri, quoted_uri
    FROM user_actions JOIN line_messages USING (uri, event_time_us)
    WHERE action IN ('post', 'reply', 'quote')
"""
"""A message has two sources if its event is in the files of two days."""

CREATE_USERS = """
    CREATE TEMP TABLE users AS
    SELECT (row_number() OVER (ORDER BY user_id) - 1)::INTEGER AS number, user_id
    FROM (SELECT user_id FROM sources UNION SELECT user_id FROM lines)
"""

SELECT_MESSAGES = """
    SELECT
        line_messages.message, line_messages.event_time_us, line_messages.uri, number AS author,
        text, coalesce(root_uri, line_messages.uri) AS root_uri,
        coalesce(quoted_uri, '') AS quoted_uri, line_messages.uri IN (SELECT uri FROM deleted) AS is_deleted
    FROM line_messages
    LEFT JOIN sources ON sources.message = line_messages.message
    LEFT JOIN users ON users.user_id = sources.user_id
    ORDER BY line_messages.message, text DESC NULLS LAST, root_uri, quoted_uri
"""

SELECT_DELETED_ACTS = """
    SELECT cluster_id, line_number FROM lines SEMI JOIN deleted USING (uri)
    WHERE action NOT IN ('unlike', 'unrepost', 'unfollow', 'unblock')
"""


SELECT_OWN_TEXTS = """
    SELECT first_line + line_number AS line_id, text
    FROM lines JOIN starts USING (cluster_id) WHERE text IS NOT NULL ORDER BY line_id
"""


class MessageStore(NamedTuple):
    """All messages that lines show, by number, and all users, by number in the order of their ids."""

    authors: Int32Array  # (n,) number of the author
    times: Int64Array  # (n,) microseconds since 1970
    is_deleted: npt.NDArray[np.bool_]  # (n,) whether the record was deleted in the window
    has_text: npt.NDArray[np.bool_]  # (n,)
    tokens: Int32Array  # (n,) of the text
    texts: pa.LargeStringArray  # (n + n_own,) as they are released, "" without text; then those of acts
    uris: pa.LargeStringArray  # (n,)
    threads: pa.LargeStringArray  # URIs of first posts of threads, as records name them, and of quoted posts
    roots: Int32Array  # (n,) place in `threads` of the first post of the thread
    quoted: Int32Array  # (n,) place in `threads` of the quoted post, -1 for none
    own_lines: Int64Array  # (n_own,) ids of the lines whose act has a text of its own, ascending
    users: pa.StringArray  # (n_users,) ids (DIDs)
    personal_data: dict[str, int]  # pieces of personal data that were replaced, by kind


def load_messages(
    con: duckdb.DuckDBPyConnection,
    starts: dict[int, int],
    *,
    clean: Cleaner,
    count_tokens: Callable[[pa.Array], Int64Array],
    scratch: Path,
) -> MessageStore:
    """Load all messages that lines show: authors, times, texts, token counts, threads and deletions.

    Memory: 25 bytes for each message and 16 for each text of an act, beside the ids of users; texts are in files.

    Args:
        con: A database with `lines`, `line_messages`, `user_actions` and `left_out_posts`. It gets `deleted`, `users`.
        starts: The first line id of each cluster.
        clean: Removes personal data.
        count_tokens: As `token_counts.load_token_counter` returns it.
        scratch: An empty folder for the texts, in use as long as the result is.

    Raises:
        StorageError: A message is not in `user_actions`.
    """
    for statement in (CREATE_DELETED, CREATE_SOURCES, CREATE_USERS):
        con.execute(statement)
    kinds = Counter[str]()
    columns: list[_Columns] = []
    with ExitStack() as opened:
        files = {name: opened.enter_context(closing(ContentFile(scratch / name))) for name in _STRINGS}
        for batch in _read_messages(con):
            cleaned, counts = clean(batch["text"].to_pylist())
            kinds.update(counts)
            texts = pa.array([text if text and not text.isspace() else "" for text in cleaned], pa.string())
            files["texts"].append(texts)
            files["uris"].append(batch["uri"])
            threads = _append_threads(batch, files["threads"])
            columns.append((*_to_columns(batch, texts, count_tokens(texts)), *threads))
        own_lines = _append_own_texts(con, starts, clean, kinds, files["texts"])
    users = con.sql("SELECT user_id FROM users ORDER BY number").to_arrow_table()["user_id"].combine_chunks()
    authors, times, is_deleted, has_text, tokens, roots, quoted = (
        np.concatenate(parts) for parts in zip(_EMPTY, *columns, strict=True)
    )
    texts, uris, threads = (file.open_as_array() for file in files.values())
    return MessageStore(
        authors=authors,
        times=times,
        is_deleted=is_deleted,
        has_text=has_text,
        tokens=tokens,
        texts=texts,
        uris=uris,
        threads=threads,
        roots=roots,
        quoted=quoted,
        own_lines=own_lines,
        users=users,
        personal_data=dict(kinds),
    )


_STRINGS = ("texts", "uris", "threads")
_Threads = tuple[Int32Array, Int32Array]
_Columns = tuple[np.ndarray, ...]
_EMPTY = tuple(np.empty(0, dtype) for dtype in (np.int32, np.int64, np.bool_, np.bool_, np.int32, np.int32, np.int32))


def _append_threads(batch: pa.RecordBatch, file: ContentFile) -> _Threads:
    """Append the URIs of first posts and of quoted posts to the file; return the place of each, -1 for none."""
    start, quotes = file.count, pc.not_equal(batch["quoted_uri"], "")
    file.append(batch["root_uri"])
    is_quoting = quotes.to_numpy(zero_copy_only=False)
    file.append(batch["quoted_uri"].filter(quotes))
    roots = np.arange(start, start + len(is_quoting), dtype=np.int32)
    return roots, np.where(is_quoting, start + len(is_quoting) - 1 + np.cumsum(is_quoting), -1).astype(np.int32)


def _append_own_texts(
    con: duckdb.DuckDBPyConnection, starts: dict[int, int], clean: Cleaner, kinds: Counter[str], file: ContentFile
) -> Int64Array:
    """Append the texts of acts to the file, and return the lines that they are of: int64 `(n_own,)`."""
    first_lines = {"cluster_id": pa.array(starts, pa.int32()), "first_line": pa.array(starts.values(), pa.int64())}
    con.register("starts", pa.table(first_lines))
    lines = [np.empty(0, np.int64)]
    for batch in con.sql(SELECT_OWN_TEXTS).to_arrow_reader():
        cleaned, counts = clean(batch["text"].to_pylist())
        kinds.update(counts)
        has_text = pa.array([bool(text) for text in cleaned], pa.bool_())
        lines.append(batch["line_id"].filter(has_text).to_numpy())
        file.append(pa.array([text for text in cleaned if text], pa.string()))
    return np.concatenate(lines)


def _to_columns(batch: pa.RecordBatch, texts: pa.StringArray, tokens: Int64Array) -> _Columns:
    return (
        batch["author"].to_numpy(),
        batch["event_time_us"].to_numpy(),
        batch["is_deleted"].to_numpy(zero_copy_only=False),
        pc.greater(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False),
        tokens.astype(np.int32),
    )


def _read_messages(con: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
    """Yield the messages in the order of their numbers, each once.

    Raises:
        StorageError: A message has no record.
    """
    last = -1
    for batch in con.sql(SELECT_MESSAGES).to_arrow_reader():
        once, last = _drop_repeated(batch, last)
        expected = np.arange(last - once.num_rows + 1, last + 1)
        if once["author"].null_count or not np.array_equal(once["message"].to_numpy(), expected):
            raise StorageError(
                "messages of cluster_jsonl are missing, there or in user_actions, which was changed since: materialize "
                "cluster_jsonl again"
            )
        yield once


def _drop_repeated(batch: pa.RecordBatch, last: int) -> tuple[pa.RecordBatch, int]:
    """Return the first row of each message, and the last message; rows are sorted by message."""
    messages = batch["message"].to_numpy()
    if not len(messages):
        return batch, last
    is_first = np.diff(messages, prepend=last) > 0
    return (batch if is_first.all() else batch.filter(pa.array(is_first))), int(messages[-1])


def find_deleted_acts(con: duckdb.DuckDBPyConnection, starts: dict[int, int]) -> Int64Array:
    """Return the line ids of acts whose record was deleted in the window, such as likes that were undone: int64 `(n,)`.

    Args:
        con: After `load_messages`.
        starts: The first line id of each cluster.
    """
    rows = con.sql(SELECT_DELETED_ACTS).to_arrow_table()
    first = pa.array([starts[cluster] for cluster in rows["cluster_id"].to_pylist()], pa.int64())
    return np.sort(pc.add(rows["line_number"], first).to_numpy())
