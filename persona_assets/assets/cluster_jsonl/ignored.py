"""Estimate which posts a user saw and let pass.

Nobody records what was on a screen, so this is a guess with its evidence: a post that was shown to the user less than
a day before something that the user did, with which the user did nothing, and which is close to what its persona
engages with. After BluePrint's estimate, with its faults mended: no own posts, no posts that the user acted on, a cap
per user, true times, the same result each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.cluster_jsonl.engagement_centres import score_candidates
from persona_assets.assets.cluster_jsonl.ignored_candidates import Candidates, find_candidates
from persona_assets.assets.cluster_jsonl.stored_tables import IGNORED_EVIDENCE

NEAREST = """
    CREATE TABLE ignored AS
    SELECT seen.member, seen.cluster_id, seen.target_id, first.at AS event_time_us, scores.similarity, first
    FROM seen
    JOIN scores ON scores.cluster_id = seen.cluster_id AND scores.target_id = seen.target_id
    JOIN vectors ON vectors.id = seen.target_id
    QUALIFY row_number() OVER (
        PARTITION BY seen.member ORDER BY scores.similarity DESC, first.at, vectors.uri
    ) <= $cap
"""

NOTHING = """
    CREATE TABLE ignored (member INTEGER, cluster_id INTEGER, target_id INTEGER, event_time_us BIGINT)
"""

EVIDENCE = """
    SELECT
        members.user_id, ignored.cluster_id, messages.uri, ignored.event_time_us, first.rule, first.shown_by,
        first.shown_us AS shown_time_us, ignored.similarity, coalesce(weights.weight, 1)::FLOAT AS weight
    FROM ignored
    JOIN members ON members.member = ignored.member
    JOIN messages ON messages.id = ignored.target_id
    LEFT JOIN weights ON weights.cluster_id = ignored.cluster_id AND weights.target_id = ignored.target_id
    ORDER BY ignored.event_time_us, members.user_id, messages.uri
"""


class IgnoredOptions(NamedTuple):
    """How posts that were let pass are chosen."""

    candidates: Candidates  # what may have been seen: what follows show, or as the reference draws it
    similarity_threshold: float  # cosine to one of the cluster's centres that a post must exceed
    cap_ignored_messages: int  # most posts of one user, the nearest ones
    seed: int


def estimate_ignored(con: duckdb.DuckDBPyConnection, embeddings: pads.Dataset, options: IgnoredOptions) -> int:
    """Create the table `ignored` and return the number of its rows.

    A row says that a user let a post pass, and when: at the first act of the user after the post was shown to
    it.

    Args:
        con: With the tables of `window.load_window` and `targets.resolve_targets`.
        embeddings: `tables.embeddings_schema` of the window.
        options: Candidates, threshold, cap and seed.
    """
    find_candidates(con, options.candidates, seed=options.seed)
    score_candidates(con, embeddings, above=options.similarity_threshold, seed=options.seed)
    con.execute(NEAREST, {"cap": options.cap_ignored_messages})
    (count,) = con.sql("SELECT count(*) FROM ignored").fetchall()[0]
    return count


def estimate_nothing(con: duckdb.DuckDBPyConnection) -> int:
    """Create the table `ignored` without a row, and return that number: nobody asked for the estimate."""
    con.execute(NOTHING)
    return 0


def read_evidence(con: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
    """Yield `IGNORED_EVIDENCE`: why each row of `ignored` is there, in the order of the lines.

    Args:
        con: After `estimate_ignored`.
    """
    for batch in con.sql(EVIDENCE).to_arrow_reader():
        yield batch.cast(IGNORED_EVIDENCE)
