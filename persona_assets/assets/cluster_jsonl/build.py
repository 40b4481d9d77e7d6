"""Build the lines of all clusters of a window, and count what is not in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.accounting import (
    count_action_outcomes,
    count_actions_by_hour,
    median_actions_per_user,
    sum_outcomes_over_clusters,
)
from persona_assets.assets.cluster_jsonl.ignored import (
    IgnoredOptions,
    create_empty_ignored,
    estimate_ignored,
    read_evidence,
)
from persona_assets.assets.cluster_jsonl.line_formats import LINE_FORMATS, LineFormat
from persona_assets.assets.cluster_jsonl.line_index import LineIndex
from persona_assets.assets.cluster_jsonl.load import LineInputs, load_window
from persona_assets.assets.cluster_jsonl.stored_tables import IGNORED_EVIDENCE
from persona_assets.assets.cluster_jsonl.targets import resolve_targets
from persona_assets.assets.cluster_jsonl.without_text import (
    CONVERSATION,
    find_lines_without_text,
    leave_out_lines_without_text,
)
from persona_assets.assets.cluster_jsonl.write_lines import LineBatch, create_thread_paths, stream_lines
from persona_assets.common.content_file import ContentFile
from persona_assets.common.database import lower_memory_limit, open_duckdb, require_memory
from persona_assets.common.line_tables import LINE_MESSAGES, LINES
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import Phase, count_rows_read, phase, watching_queries
from persona_assets.common.provenance import Provenance, with_provenance

# Of the arrays of threads, beside DuckDB.
BYTES_PER_MESSAGE = 60
# Of users, times and the index of lines, for each action that is written, while lines are written.
BYTES_PER_ACTION = 30


class BuiltLines(NamedTuple):
    """Result of `build_lines`: an iterator that serialises the JSON lines when it is read, and tables and counts."""

    lines: Iterator[LineBatch]  # in the order of the files
    user_clusters: dict[str, int]  # cluster_id by user_id
    accounting: pa.Table  # tables.ACTION_ACCOUNTING
    actions_by_hour: pa.Table  # tables.ACTIONS_BY_HOUR
    actions_per_user: pa.Table  # tables.ACTIONS_PER_USER
    n_conversations: int  # conversation lines that are written
    n_ignored: int  # lines with "ignore"
    ignored_evidence: Path | None  # Parquet file of IGNORED_EVIDENCE (and `day`); None without the estimate
    n_without_text: dict[str, int]  # lines without any text, written or not, by kind of line
    # Parquet files of `common.line_tables` (and `day`), by name; they exist once `lines` is exhausted.
    line_tables: dict[str, Path]


def build_lines(  # noqa: PLR0913 - each a choice of the caller's
    inputs: LineInputs,
    *,
    ignored: IgnoredOptions | None,
    max_thread_messages: int,
    line_format: str,
    lines_without_text: bool = True,
    memory_limit: str,
    scratch: Path,
    day_column: dt.date | None = None,
    provenance: Provenance | None = None,
) -> BuiltLines:
    """Build the JSON lines of each cluster: conversations, actions and, with `ignored`, ignored messages.

    Args:
        inputs: The tables of the day and its window.
        ignored: How ignored messages are estimated; None for no estimate.
        max_thread_messages: Maximum messages of a conversation line. At least 2.
        line_format: Name of the format in `LINE_FORMATS`.
        lines_without_text: Whether lines in which no message has a text are written.
        memory_limit: Memory of DuckDB's joins and sorts, such as "4GB"; beyond it they spill to `scratch`. Of it,
            threads take about 60 bytes for each message of the window.
        scratch: An empty folder, in use until `lines` is exhausted or closed.
        day_column: The partition, for the column `day` of `ignored_evidence`; None for no such column.
        provenance: How the step was run, stored in the metadata of each table.

    Returns:
        The lines, sorted by time, user, and URI of the message or action that they end with. The result does not depend
        on the order of rows in the inputs.

    Raises:
        MemoryLimitError: The window has too many messages for the memory limit.
    """
    with ExitStack() as opened:
        messages = inputs.user_actions.count_rows(filter=pc.field("action").isin(tables.MESSAGES))
        beside = messages * BYTES_PER_MESSAGE
        require_memory(beside, memory_limit, what=f"the {messages:,} messages of the window")
        con = opened.enter_context(open_duckdb(memory_limit=memory_limit, scratch=scratch, bytes_beside=beside))
        contents = ContentFile(scratch / "contents")
        form = LINE_FORMATS[line_format]
        with phase("loading the window"):
            forest = load_window(con, inputs, contents, form)
        with phase("finding targets"):
            resolve_targets(con)
        with phase("tracing threads"):
            n_conversations = create_thread_paths(con, forest, max_thread_messages=max_thread_messages)
        n_ignored, evidence = 0, None
        if ignored:
            with phase("estimating ignored messages"):
                n_ignored = estimate_ignored(con, inputs.embeddings, ignored)
            evidence = _write_evidence(con, scratch / "ignored.parquet", day_column, provenance)
        else:
            create_empty_ignored(con)
        n_without_text = find_lines_without_text(con)
        if not lines_without_text:
            n_conversations -= n_without_text.get(CONVERSATION, 0)
            leave_out_lines_without_text(con)
        counted = count_action_outcomes(con), count_actions_by_hour(con), median_actions_per_user(con)
        accounting, actions_by_hour, medians_per_user = (with_provenance(table, provenance) for table in counted)
        users = con.sql("SELECT user_id, cluster_id FROM members ORDER BY user_id").fetchall()
        line_tables = {name: scratch / f"{name}.parquet" for name in ("line_messages", "lines")}
        stored = _StoredIndex(LineIndex(scratch / "line_rows", contents.count), line_tables, day_column, provenance)
        outcomes = sum_outcomes_over_clusters(accounting)
        written = sum(count for (_, outcome), count in outcomes.items() if outcome == "written")
        lower_memory_limit(con, memory_limit, bytes_beside=beside + written * BYTES_PER_ACTION)
        lines = _stream_and_close(opened.pop_all(), con, contents, form, stored)
    return BuiltLines(
        lines,
        dict(users),
        accounting,
        actions_by_hour,
        medians_per_user,
        n_conversations,
        n_ignored,
        evidence,
        n_without_text,
        line_tables,
    )


class _StoredIndex(NamedTuple):
    """The index of lines, and where it is written."""

    collected: LineIndex
    files: dict[str, Path]
    day_column: dt.date | None
    provenance: Provenance | None

    def write(self, con: duckdb.DuckDBPyConnection, progress: Phase) -> None:
        """Write both tables once all lines are in the index."""
        messages, lines = (with_provenance(schema, self.provenance) for schema in (LINE_MESSAGES, LINES))
        write_parquet(
            self.files["line_messages"], messages, self.collected.read_messages(con), day_column=self.day_column
        )
        counted = count_rows_read(self.collected.read_lines(con), progress)
        write_parquet(self.files["lines"], lines, counted, day_column=self.day_column)


def _write_evidence(
    con: duckdb.DuckDBPyConnection, where: Path, day: dt.date | None, provenance: Provenance | None
) -> Path:
    write_parquet(where, with_provenance(IGNORED_EVIDENCE, provenance), read_evidence(con), day_column=day)
    return where


def _stream_and_close(
    opened: ExitStack,
    con: duckdb.DuckDBPyConnection,
    contents: ContentFile,
    line_format: LineFormat,
    stored: _StoredIndex,
) -> Iterator[LineBatch]:
    """Yield all lines, write their index, and close the database; also if the caller closes the iterator early."""
    # Queries again: the caller may read the lines in another block of `reporting_progress` than this step's.
    with opened, watching_queries(con.query_progress):
        lines = 0
        with phase("writing lines", what="lines") as written:
            for batch in stream_lines(con, contents, line_format, stored.collected):
                yield batch
                written.add(batch[2])
                lines += batch[2]
        with phase("indexing lines", what="lines", total=lines) as indexed:
            stored.write(con, indexed)
