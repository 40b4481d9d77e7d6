"""Audit the privacy of a data set: draw texts from its files and users from its lines, and measure both.

Texts are read from the files, as they are to be released. Whose line a line is comes from the index of lines.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.dataset.build import Release, ReleaseOptions
from persona_assets.assets.dataset.keyed_hash import derive_number, mix_hashes
from persona_assets.common.line_tables import ACTION_KEYS
from persona_assets.personal_data.replacement import NameFinder
from persona_assets.privacy import (
    GateCounts,
    ReleaseAudit,
    ReleasedText,
    TextSample,
    VectorModel,
    VerbatimMatches,
    audit_release,
    draw_authors,
)
from persona_assets.privacy.audit import MAX_AUTHORS, MAX_LINES

# The column of each form that has texts of several people.
_TEXTS = {"chat": "messages", "threads": "thread", "next_action": "context", "unpaired_preference": "prompt"}
# The column of each form that has what the line's user wrote last.
_OWN = {"chat": "completion", "threads": "thread", "next_action": "text"}
BY_ADDRESS = ("dehydrated",)
# Distinct texts in which personal data is looked for, and rows of a form from which they are drawn.
SAMPLED_TEXTS = SAMPLED_ROWS = 20_000
_NAME = re.compile(r"^@user[0-9]+: ", re.MULTILINE)
_ACT = re.compile(rf"^\[(?:{'|'.join(ACTION_KEYS)})\] ?")

SELECT_USERS = """
    SELECT cluster_id::VARCHAR AS persona, count(*) AS lines
    FROM released_lines GROUP BY user_id, cluster_id ORDER BY ALL
"""

# More authors and lines than are matched: some lines have no text, and some texts are there twice.
DRAW_LINES = f"""
    WITH own AS (SELECT line_id, user_id FROM released_lines WHERE action IN ('post', 'reply', 'quote')),
    authors AS (
        SELECT user_id FROM own GROUP BY user_id HAVING count(*) > 1
        ORDER BY md5($seed || user_id) LIMIT {2 * MAX_AUTHORS}
    )
    SELECT line_id, user_id FROM own SEMI JOIN authors USING (user_id)
    QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY md5($seed || line_id::VARCHAR)) <= {4 * MAX_LINES}
    ORDER BY line_id
"""  # noqa: S608 - numbers of this project

COUNT_WORD_FOR_WORD = """
    SELECT count(*) FROM own_texts SEMI JOIN user_actions USING (user_id, text)
"""


class TextCollector:
    """Collects from the rows of a data set what its audit looks at: a sample of all texts, and drawn users' own ones.

    Memory: `SAMPLED_TEXTS` texts, and one text of each drawn line in each form.
    """

    def __init__(self, release: Release, author_of: dict[int, str], *, seed: int) -> None:
        """Collect nothing yet.

        Args:
            release: What was written.
            author_of: The user of each drawn line, by its id.
            seed: Decides which texts are sampled.
        """
        self.own: dict[str, list[ReleasedText]] = {}
        self._author_of, self._drawn = author_of, pa.array(author_of, pa.int64())
        self._sample, self._number = TextSample(SAMPLED_TEXTS, seed), derive_number(seed, "audit")
        rows = Counter[str]()
        for shard in release.shards:
            rows[shard.form] += shard.rows
        # A row is drawn by its line, so that each form has the same lines in the sample.
        self._limits = {
            form: np.uint64(min(1.0, SAMPLED_ROWS / max(count, 1)) * (2**64 - 2**12)) for form, count in rows.items()
        }

    def add(self, form: str, batch: pa.RecordBatch) -> None:
        """Add rows of a form."""
        if form in _TEXTS:
            is_drawn = mix_hashes(batch["line_id"].to_numpy().astype(np.uint64), self._number) <= self._limits[form]
            for row in batch[_TEXTS[form]].filter(pa.array(is_drawn)).to_pylist():
                self._sample.add(extract_written_text(message) for message in row)
        if form in _OWN:
            own = self.own.setdefault(form, [])
            some = batch.filter(pc.is_in(batch["line_id"], value_set=self._drawn))
            for line, row in zip(some["line_id"].to_pylist(), some[_OWN[form]].to_pylist(), strict=True):
                if text := _read_last_text(row):
                    own.append(ReleasedText(line, self._author_of[line], text))

    def sampled(self) -> list[str]:
        """Return at most `SAMPLED_TEXTS` distinct texts, sorted."""
        return self._sample.texts()


def _read_last_text(row: str | list[dict[str, Any]] | None) -> str:
    """Return the last text in a line by the user whose conversation or action it is, "" for none."""
    if isinstance(row, str) or row is None:
        return row or ""
    return extract_written_text(row[-1]) if row else ""


def draw_lines(con: duckdb.DuckDBPyConnection, *, seed: int) -> dict[int, str]:
    """Draw lines of users with several; return the user of each, by the line's id.

    Args:
        con: Has `released_lines` with `line_id`, `user_id` and `action`.
        seed: Decides which.
    """
    drawn = con.sql(DRAW_LINES, params={"seed": f"{seed} "}).to_arrow_table()
    return dict(zip(drawn["line_id"].to_pylist(), drawn["user_id"].to_pylist(), strict=True))


class AuditedUsers(NamedTuple):
    """What the audit knows of users: those of released lines, texts of some, and how many are the users' own ones."""

    users: pa.Table  # user_id, cluster_id
    own: dict[str, list[ReleasedText]]  # by form, of drawn users
    verbatim: list[VerbatimMatches]


def read_audited_users(
    con: duckdb.DuckDBPyConnection, texts: TextCollector, release: Release, options: ReleaseOptions
) -> AuditedUsers:
    """Read what `audit_privacy` needs of the database, which can be closed then.

    Args:
        con: Has `user_actions` of the window, and `released_lines` with `user_id` and `cluster_id`.
        texts: Has the rows of the data set.
        release: What was written there.
        options: How it was made; the seed of its splits decides what is drawn.
    """
    forms = {shard.form for shard in release.shards}
    users = con.sql(SELECT_USERS).to_arrow_table()
    own = {
        form: draw_authors(
            texts.own.get(form, []), max_authors=MAX_AUTHORS, max_texts=MAX_LINES, seed=options.split.seed
        )
        for form in _OWN
        if form in forms
    }
    found = [VerbatimMatches(form, len(lines), _count_word_for_word(con, lines)) for form, lines in own.items()]
    return AuditedUsers(users, own, found)


def audit_privacy(  # noqa: PLR0913 - what is audited, and how
    audited: AuditedUsers,
    texts: TextCollector,
    release: Release,
    options: ReleaseOptions,
    counts: GateCounts,
    *,
    names: NameFinder | None,
    model: VectorModel | None,
) -> ReleaseAudit:
    """Measure personal data, k-anonymity and linkage of a data set, on samples of its texts.

    Memory: the sample of texts, up to 32 lines of 1,000 users, and the model.

    Args:
        audited: As `read_audited_users` returns it.
        texts: Has the rows of the data set.
        release: What was written there.
        options: How it was made; the seed of its splits decides what is drawn.
        counts: What the gate counted.
        names: Finds names of people; None: they are not looked for.
        model: Encodes texts; None: linkage by vectors is not measured.
    """
    forms = {shard.form for shard in release.shards}
    return audit_release(
        counts,
        texts.sampled(),
        audited.users,
        audited.own,
        audited.verbatim,
        scope=options.scope,
        is_cleaned=options.clean,
        by_address=[form for form in BY_ADDRESS if form in forms],
        names=names,
        model=model,
        seed=options.split.seed,
    )


def _count_word_for_word(con: duckdb.DuckDBPyConnection, texts: list[ReleasedText]) -> int:
    """Return how many texts are a text of the same user in the window's actions, word for word."""
    columns = {"user_id": [one.author for one in texts], "text": [one.text for one in texts]}
    con.register("own_texts", pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}))
    (count,) = con.sql(COUNT_WORD_FOR_WORD).fetchall()[0]
    return count


def extract_written_text(message: dict[str, Any]) -> str:
    """Return what a person wrote in a message of `chat` or `threads`, without the names and actions added to it."""
    if "text" in message:
        return message["text"] or ""
    content: str = message["content"]
    if message["role"] == "assistant":
        if not content.startswith("{"):
            return _ACT.sub("", content)
        try:
            return msgspec.json.decode(content).get("text", "")
        except (msgspec.DecodeError, AttributeError):
            return content
    return "" if message["role"] == "system" else _NAME.sub("", content)
