"""Estimate which posts a user saw and ignored.

No data source records what was on a screen, so this is an estimate. A post counts as ignored by a user under three
conditions: it was shown to the user less than a day before an action of the user; the user did not act on it; and it is
similar to the posts that the user's cluster engages with. The evidence is stored with each estimate.

The method follows BluePrint. Unlike there, a user's own posts and posts that the user acted on are excluded, each user
has a maximum, times are those of real actions, and the result is reproducible.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.cluster_jsonl.engagement_centres import create_candidate_scores
from persona_assets.assets.cluster_jsonl.ignored_candidates import CandidateSource, create_candidates
from persona_assets.assets.cluster_jsonl.relations import create_empty_table_sql
from persona_assets.assets.cluster_jsonl.stored_tables import IGNORED_EVIDENCE

CREATE_IGNORED = """
    CREATE TEMP TABLE ignored AS
    SELECT
        candidates.member, candidates.cluster_id, candidates.target_id, evidence.active_us AS event_time_us,
        candidate_scores.similarity, evidence
    FROM candidates
    JOIN candidate_scores
    ON candidate_scores.cluster_id = candidates.cluster_id AND candidate_scores.target_id = candidates.target_id
    JOIN post_vectors ON post_vectors.id = candidates.target_id
    QUALIFY row_number() OVER (
        PARTITION BY candidates.member
        ORDER BY candidate_scores.similarity DESC, evidence.active_us, post_vectors.uri
    ) <= $cap
"""

SELECT_EVIDENCE = """
    SELECT
        members.user_id, ignored.cluster_id, messages.uri, ignored.event_time_us, evidence.rule, evidence.shown_by,
        evidence.shown_us AS shown_time_us, ignored.similarity,
        coalesce(engagement_weights.weight, 1)::FLOAT AS weight
    FROM ignored
    JOIN members ON members.member = ignored.member
    JOIN messages ON messages.id = ignored.target_id
    LEFT JOIN engagement_weights
    ON engagement_weights.cluster_id = ignored.cluster_id AND engagement_weights.target_id = ignored.target_id
    ORDER BY ignored.event_time_us, members.user_id, messages.uri
"""


class IgnoredOptions(NamedTuple):
    """Options for estimating ignored messages: source of posts, minimum similarity, maximum per user, seed."""

    source: CandidateSource  # which posts a user may have seen: by follows, or drawn as in the reference
    similarity_threshold: float  # cosine to a centre of the cluster that a post must exceed, -1 to 1
    cap_ignored_messages: int  # maximum posts of one user; the most similar ones are kept
    seed: int


def estimate_ignored(con: duckdb.DuckDBPyConnection, embeddings: pads.Dataset, options: IgnoredOptions) -> int:
    """Create the DuckDB table `ignored`, the posts that users probably saw and ignored; return its number of rows.

    Each row is a user and a post that the user ignored. Its time is that of the user's first action after the post was
    shown to the user.

    Args:
        con: After `load.load_window` and `targets.resolve_targets`.
        embeddings: `tables.embeddings_schema` of the window.
        options: Source of candidates, threshold, maximum and seed.
    """
    create_candidates(con, options.source, seed=options.seed)
    create_candidate_scores(con, embeddings, threshold=options.similarity_threshold, seed=options.seed)
    con.execute(CREATE_IGNORED, {"cap": options.cap_ignored_messages})
    (count,) = con.sql("SELECT count(*) FROM ignored").fetchall()[0]
    return count


def create_empty_ignored(con: duckdb.DuckDBPyConnection) -> None:
    """Create the DuckDB table `ignored` without rows, for lines without ignored messages."""
    con.execute(create_empty_table_sql("ignored"))


def read_evidence(con: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
    """Yield the evidence that each message in the table `ignored` was seen, sorted by time, user and URI.

    Args:
        con: After `estimate_ignored`.
    """
    for batch in con.sql(SELECT_EVIDENCE).to_arrow_reader():
        yield batch.cast(IGNORED_EVIDENCE)
