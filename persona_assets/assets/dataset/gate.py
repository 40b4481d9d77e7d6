"""Decide whether a data set may be put in place, by reading what was written.

Each check reads the files or the inputs anew, and none uses what the step that wrote them counted.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pat

from persona_assets.assets.dataset.audit_privacy import (
    TextCollector,
    audit_privacy,
    draw_lines,
    read_audited_users,
)
from persona_assets.assets.dataset.build import Release, ReleaseInputs, ReleaseOptions, open_release_database
from persona_assets.assets.dataset.forms import SPLITS
from persona_assets.assets.dataset.leaks import describe_leaks, find_leaks
from persona_assets.assets.dataset.line_batches import find_first_line_ids
from persona_assets.common.freed_memory import return_freed_memory
from persona_assets.personal_data.replacement import NameFinder
from persona_assets.privacy import GateCounts, ReleaseAudit, VectorModel

# Forms that name no account. Addresses in `dehydrated` name theirs.
PSEUDONYMOUS = ("chat", "threads", "next_action", "preference", "unpaired_preference")
# Forms that have every line of a split.
WHOLE_FORMS = ("threads", "dehydrated")
_DID_START, _DID = b"did:", r"did:[a-z]+:[A-Za-z0-9._:%-]"

CREATE_RELEASED = """
    CREATE TEMP VIEW released_lines AS
    SELECT line_id, cluster_id, user_id, action, uri, messages
    FROM lines JOIN starts USING (cluster_id) JOIN released ON line_id = first_line + line_number
"""

# Records in released lines that were deleted, their acts' own included.
COUNT_DELETED = """
    WITH deleted AS (
        SELECT DISTINCT uri FROM user_actions
        WHERE action IN ('post_delete', 'unlike', 'unrepost', 'unfollow', 'unblock') AND uri IS NOT NULL
        UNION
        SELECT uri FROM left_out_posts
    ),
    records AS (
        SELECT uri FROM released_lines WHERE action NOT IN ('unlike', 'unrepost', 'unfollow', 'unblock')
        UNION ALL
        SELECT line_messages.uri
        FROM (SELECT unnest(messages) AS message FROM released_lines) JOIN line_messages USING (message)
    )
    SELECT count(*) FROM records SEMI JOIN deleted USING (uri)
"""

# Accounts in released lines that `left_out` names.
COUNT_REFUSING = """
    WITH records AS (
        SELECT line_messages.uri
        FROM (SELECT unnest(messages) AS message FROM released_lines) JOIN line_messages USING (message)
    ),
    accounts AS (
        SELECT user_id FROM released_lines UNION SELECT user_id FROM user_actions SEMI JOIN records USING (uri)
    )
    SELECT count(*) FROM accounts SEMI JOIN left_out USING (user_id)
"""


class GateMeasures(NamedTuple):
    """Result of `measure_release`: numbers of rows that break a rule, leaks between splits, and the privacy audit.

    Numbers must be 0 unless they say otherwise.
    """

    unaccounted: int  # lines read that are neither in a split nor dropped under a reason
    account_ids: int  # strings of chat and threads with the form of an account's id
    deleted: int  # records that were deleted in the window, and are in a released line
    refusing: int  # accounts in released lines that are to be left out
    personal_data: int  # pieces that the finders of personal data find in the sample; 0 if texts are kept as they are
    sampled: int  # texts of that sample; any number
    leaks: tuple[str, ...]  # a sentence for each leak between splits; must be empty
    compared: dict[str, int]  # how many users, threads and texts were compared
    privacy: ReleaseAudit  # personal data by kind, k-anonymity and linkage

    def count_compared(self) -> dict[str, int]:
        """Return how many values were compared between splits, under metadata keys such as `users_compared`."""
        return {f"{name.replace(' ', '_')}_compared": number for name, number in self.compared.items()}


def measure_release(  # noqa: PLR0913 - what is compared, and how
    folder: Path,
    release: Release,
    inputs: ReleaseInputs,
    options: ReleaseOptions,
    *,
    memory_limit: str,
    scratch: Path,
    names: NameFinder | None = None,
    model: VectorModel | None = None,
) -> GateMeasures:
    """Read the written files of a data set anew, and measure everything that its checks decide on.

    Args:
        folder: The data set, complete but for its card.
        release: What the step says that it wrote.
        inputs: What it was made from.
        options: How it was made. If texts are kept as they are, only ids of accounts outside texts count.
        memory_limit: Of DuckDB.
        scratch: An existing folder.
        names: Finds names of people in the sample; None: they are not looked for.
        model: Encodes texts of drawn users; None: linkage by vectors is not measured.
    """
    files = [folder / shard.path for shard in release.shards]
    released = read_released_splits(files)
    line_ids = released["line_id"].to_numpy()
    # Before the audit, which may load the model.
    leaks = find_leaks(
        release.read_split_input(),
        released,
        min_words=options.split.min_words,
        memory_limit=memory_limit,
        scratch=scratch,
    )
    return_freed_memory()
    with _open_released(inputs, line_ids, memory_limit, scratch) as con:
        deleted, refusing = _count(con, COUNT_DELETED), _count(con, COUNT_REFUSING) if inputs.left_out else 0
        texts = TextCollector(release, draw_lines(con, seed=options.split.seed), seed=options.split.seed)
        account_ids = _read_rows(folder, release, texts, clean=options.clean)
        audited = read_audited_users(con, texts, release, options)
    unaccounted = abs(release.read - len(line_ids) - sum(release.dropped.values())) if _has_all_lines(release) else 0
    # The audit may load the model: the database is closed, and what was read of lines is not needed.
    del released, line_ids
    return_freed_memory()
    counts = GateCounts(refusing if inputs.left_out and inputs.knows_consents else None, deleted, account_ids)
    privacy = audit_privacy(audited, texts, release, options, counts, names=names, model=model)
    return GateMeasures(
        unaccounted=unaccounted,
        account_ids=account_ids,
        deleted=deleted,
        refusing=refusing,
        personal_data=sum(privacy.personal_data.values()) if options.clean else 0,
        sampled=privacy.sampled,
        leaks=tuple(
            describe_leaks(
                leaks,
                in_time_order=options.split.mode == "time",
                gap_hours=options.split.gap_hours,
                hold_out_users=options.split.hold_out_users,
            )
        ),
        compared={
            "users": leaks.users.distinct,
            "threads and quoted posts": leaks.threads.distinct,
            "texts": leaks.texts.distinct,
        },
        privacy=privacy,
    )


def _has_all_lines(release: Release) -> bool:
    """Say whether a form has all lines of the splits: `chat`, and what is made of it, lacks those that are too long."""
    return not release.too_long or not {shard.form for shard in release.shards}.isdisjoint(WHOLE_FORMS)


def _read_rows(folder: Path, release: Release, texts: TextCollector, *, clean: bool) -> int:
    """Read all rows of forms that name no account; collect their texts, and return the number of account ids."""
    account_ids = 0
    for shard in release.shards:
        if shard.form in PSEUDONYMOUS:
            with pq.ParquetFile(folder / shard.path) as opened:
                for batch in opened.iter_batches(batch_size=20_000):
                    account_ids += count_strings_with_account_ids(batch, with_texts=clean)
                    texts.add(shard.form, batch)
    return account_ids


def count_strings_with_account_ids(batch: pa.RecordBatch, *, with_texts: bool) -> int:
    """Return the number of strings in a batch that contain an account id (DID).

    Args:
        batch: Rows of a form.
        with_texts: Whether texts are looked at too.
    """
    return sum(
        pc.sum(pc.match_substring_regex(strings, _DID)).as_py() or 0
        for name, strings in _list_strings(batch)
        if (with_texts or not name.endswith(("content", "text"))) and _has_bytes(strings, _DID_START)
    )


def _has_bytes(strings: pa.StringArray, wanted: bytes) -> bool:
    """Say whether the bytes of all strings, end to end, have some bytes: in a tenth of the time of an expression."""
    data = strings.buffers()[2]
    return data is not None and wanted in data.to_pybytes()


def _list_strings(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.Array]]:
    """Yield the strings of each column and of what lists and structs hold, with their name."""
    pending: list[tuple[str, pa.Array]] = list(zip(batch.schema.names, batch.columns, strict=True))
    while pending:
        name, column = pending.pop()
        if pat.is_list(column.type):
            pending.append((name, column.flatten()))
        elif pat.is_struct(column.type):
            pending += [(f"{name}.{field.name}", column.field(field.name)) for field in column.type]
        elif pat.is_string(column.type):
            yield name, column


def read_released_splits(files: list[Path]) -> pa.Table:
    """Return the split of each line as the distinct pairs of `line_id` and `split` in the written files, sorted.

    A line that is in two splits is there twice, so that leaks show it.
    """
    # Bit n of a line's byte says whether it is in split n.
    seen = np.zeros(0, np.uint8)
    for file in files:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(columns=["line_id", "split"]):
                ids, splits = batch["line_id"].to_numpy(), pc.index_in(batch["split"], pa.array(SPLITS)).to_numpy()
                seen = np.pad(seen, (0, max(0, int(ids.max(initial=-1)) + 1 - len(seen))))
                for number in range(len(SPLITS)):
                    seen[ids[splits == number]] |= np.uint8(1 << number)
    line_ids, numbers = np.nonzero(seen[:, None] & (1 << np.arange(len(SPLITS), dtype=np.uint8)))
    return pa.table({"line_id": line_ids, "split": pa.array(SPLITS).take(pa.array(numbers))})


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    (count,) = con.sql(query).fetchall()[0]
    return count


@contextmanager
def _open_released(
    inputs: ReleaseInputs, line_ids: npt.NDArray[np.int64], memory_limit: str, scratch: Path
) -> Generator[duckdb.DuckDBPyConnection]:
    """Open a database with the inputs, and these lines as `released_lines`."""
    starts = find_first_line_ids(inputs.lines)
    with open_release_database(inputs, memory_limit, scratch) as con:
        first_lines = {"cluster_id": pa.array(starts, pa.int32()), "first_line": pa.array(starts.values(), pa.int64())}
        con.register("starts", pa.table(first_lines))
        con.register("released", pa.table({"line_id": line_ids}))
        con.execute(CREATE_RELEASED)
        if inputs.left_out is not None:
            con.register("left_out", inputs.left_out.users)
        yield con
