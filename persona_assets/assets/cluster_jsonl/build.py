"""Make the lines of all personas of a window, and account for what is not in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from persona_assets.assets.cluster_jsonl.accounting import account_for_actions
from persona_assets.assets.cluster_jsonl.activity import count_by_hour, median_actions_per_user
from persona_assets.assets.cluster_jsonl.content_file import Contents
from persona_assets.assets.cluster_jsonl.ignored import (
    IgnoredOptions,
    estimate_ignored,
    estimate_nothing,
    read_evidence,
)
from persona_assets.assets.cluster_jsonl.line_formats import LINE_FORMATS, LineFormat
from persona_assets.assets.cluster_jsonl.load import Inputs, load_window
from persona_assets.assets.cluster_jsonl.stored_tables import IGNORED_EVIDENCE
from persona_assets.assets.cluster_jsonl.targets import resolve_targets
from persona_assets.assets.cluster_jsonl.without_text import (
    CONVERSATION,
    find_lines_without_text,
    leave_out_lines_without_text,
)
from persona_assets.assets.cluster_jsonl.write_lines import SomeLines, find_paths, stream_lines
from persona_assets.common.database import open_duckdb
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.provenance import Provenance, with_provenance


class Lines(NamedTuple):
    """The lines, made as they are read, and what is known before."""

    lines: Iterator[SomeLines]  # in the order of the files
    user_clusters: dict[str, int]  # by user_id
    accounting: pa.Table  # tables.ACTION_ACCOUNTING
    by_hour: pa.Table  # tables.ACTIONS_BY_HOUR
    per_user: pa.Table  # tables.ACTIONS_PER_USER
    conversations: int
    ignored: int
    evidence: Path | None  # a Parquet file of IGNORED_EVIDENCE (and the day), where the estimate was asked for
    without_text: dict[str, int]  # lines in which no message has one, written or not, by what they are


def build_lines(  # noqa: PLR0913 - each a choice of the caller's
    inputs: Inputs,
    *,
    ignored: IgnoredOptions | None,
    max_thread_messages: int,
    line_format: str,
    lines_without_text: bool = True,
    memory_limit: str,
    scratch: Path,
    day: dt.date | None = None,
    provenance: Provenance | None = None,
) -> Lines:
    """Return the lines of each cluster: conversations, actions and, if asked for, what users let pass.

    Args:
        inputs: The tables of the day and its window.
        ignored: How to choose those; None leaves them out.
        max_thread_messages: Most messages of a conversation line. At least 2.
        line_format: The form of lines, by its name in `LINE_FORMATS`.
        lines_without_text: Whether lines in which no message has a text are written.
        memory_limit: Of joins and sorts, such as "4GB"; what is more spills to `scratch`. Beside it, threads
            take about 60 bytes a message of the window.
        scratch: An empty folder, in use until `lines` is exhausted or closed.
        day: The partition, if `evidence` is to have its column.
        provenance: How all of it was made, as each table is to say.

    Returns:
        Lines in the order of time, user and URI of what they end with; the same for inputs in any order.
    """
    with ExitStack() as opened:
        con = opened.enter_context(open_duckdb(memory_limit=memory_limit, scratch=scratch))
        contents = Contents(scratch / "contents")
        form = LINE_FORMATS[line_format]
        forest = load_window(con, inputs, contents, form)
        resolve_targets(con)
        conversations = find_paths(con, forest, max_thread_messages=max_thread_messages)
        ignored_lines = estimate_ignored(con, inputs.embeddings, ignored) if ignored else estimate_nothing(con)
        evidence = _write_evidence(con, scratch / "ignored.parquet", day, provenance) if ignored else None
        without_text = find_lines_without_text(con)
        if not lines_without_text:
            conversations -= without_text.get(CONVERSATION, 0)
            leave_out_lines_without_text(con)
        counted = account_for_actions(con), count_by_hour(con), median_actions_per_user(con)
        accounting, by_hour, per_user = (with_provenance(table, provenance) for table in counted)
        users = con.sql("SELECT user_id, cluster_id FROM members ORDER BY user_id").fetchall()
        lines = _closing(opened.pop_all(), con, contents, form)
    return Lines(
        lines, dict(users), accounting, by_hour, per_user, conversations, ignored_lines, evidence, without_text
    )


def _write_evidence(
    con: duckdb.DuckDBPyConnection, where: Path, day: dt.date | None, provenance: Provenance | None
) -> Path:
    write_parquet(where, with_provenance(IGNORED_EVIDENCE, provenance), read_evidence(con), day=day)
    return where


def _closing(
    opened: ExitStack,
    con: duckdb.DuckDBPyConnection,
    contents: Contents,
    line_format: LineFormat,
) -> Iterator[SomeLines]:
    """Yield all lines, then close the database."""
    with opened:
        yield from stream_lines(con, contents, line_format)
