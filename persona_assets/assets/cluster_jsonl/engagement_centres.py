"""Score posts by their similarity to what a cluster engages with, which k-means centres of post vectors represent."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.common.bounded_scan import scan_batches
from persona_assets.tables import read_vector_width

# BluePrint, clustering/src: at most 10 centres a cluster; weight 1, +2 if interacted with, +0.5 per follower.
MAX_CENTRES = 10
# With fewer posts for each centre, a post would be its own centre and similar to itself whatever it says.
MIN_POSTS_PER_CENTRE = 10
# Maximum sample for the centres of one cluster, drawn by a hash of the seed and the URI. k-means takes 0.5 s on it.
MAX_ENGAGED_POSTS = 5_000
BATCH_ROWS = 8_192

CREATE_ENGAGEMENT_WEIGHTS = """
    CREATE TEMP VIEW engagement_weights AS
    WITH followers AS (SELECT cluster_id, account, count(DISTINCT member) AS users FROM follows GROUP BY ALL),
    posts AS (
        SELECT cluster_id, target_id, max(bonus) AS bonus
        FROM (
            SELECT cluster_id, target_id, 2 AS bonus FROM engagements
            UNION ALL
            SELECT followers.cluster_id, id, 0
            FROM messages JOIN followers ON followers.account = messages.user_id WHERE is_english
        )
        GROUP BY ALL
    )
    SELECT
        posts.cluster_id, target_id, messages.uri,
        (1 + bonus + 0.5 * coalesce(followers.users, 0))::FLOAT AS weight
    FROM posts
    JOIN messages ON messages.id = target_id
    LEFT JOIN followers ON followers.cluster_id = posts.cluster_id AND followers.account = messages.user_id
"""

CREATE_ENGAGED_POSTS = f"""
    CREATE TEMP TABLE engaged_posts AS
    SELECT cluster_id, target_id, weight FROM engagement_weights SEMI JOIN large_clusters USING (cluster_id)
    QUALIFY row_number() OVER (
        PARTITION BY cluster_id ORDER BY md5($seed || ' ' || uri), uri
    ) <= {MAX_ENGAGED_POSTS}
"""  # noqa: S608 - the number is a constant of this file

CREATE_POST_VECTORS = """
    CREATE TEMP TABLE post_vectors AS
    SELECT DISTINCT ON (messages.id) messages.id, messages.uri, embedded.vector
    FROM embedded JOIN messages ON messages.uri = embedded.uri
    WHERE messages.id IN (SELECT target_id FROM engaged_posts UNION SELECT target_id FROM candidates)
    ORDER BY messages.id, embedded.vector
"""

SELECT_ENGAGED_VECTORS = """
    SELECT cluster_id, weight, vector
    FROM engaged_posts JOIN post_vectors ON post_vectors.id = target_id ORDER BY cluster_id, uri
"""

SELECT_CANDIDATE_VECTORS = """
    SELECT target_id, clusters, vector
    FROM (SELECT target_id, list(DISTINCT cluster_id) AS clusters FROM candidates GROUP BY target_id)
    JOIN post_vectors ON post_vectors.id = target_id
"""
"""A vector takes about 2,000 bytes, so each post is read once, with the list of clusters it is a candidate for."""

SCORES = pa.schema([("cluster_id", pa.int32()), ("target_id", pa.int32()), ("similarity", pa.float32())])

Vectors = npt.NDArray[np.float32]


def create_candidate_scores(
    con: duckdb.DuckDBPyConnection, embeddings: pads.Dataset, *, threshold: float, seed: int
) -> None:
    """Score posts that users may have ignored by similarity to what their cluster engages with: `candidate_scores`.

    A post is in the table if its cosine similarity with a centre of the posts that the cluster engaged with exceeds
    `threshold`.

    The table `post_vectors` holds the vectors needed and spills to disk beyond the memory limit. Memory beside it is
    the vectors of one cluster's engaged posts, at most 5,000, and 12 bytes for each pair above the threshold.

    Args:
        con: After `ignored_candidates.create_candidates`.
        embeddings: `tables.embeddings_schema` of the window.
        threshold: Cosine similarity, -1 to 1.
        seed: Seed of the sample of engaged posts and of k-means.
    """
    con.execute(CREATE_ENGAGEMENT_WEIGHTS)
    con.execute(CREATE_ENGAGED_POSTS, {"seed": str(seed)})
    con.register("embedded", _read_float32_vectors(embeddings))
    con.execute(CREATE_POST_VECTORS)
    con.unregister("embedded")
    centres = dict(_compute_centres(con, seed=seed))
    # The scores are complete before any is inserted, as the connection can run one query at a time.
    con.register("scored", pa.Table.from_batches(_score(con, centres, threshold=threshold), SCORES))
    con.execute("CREATE TEMP TABLE candidate_scores AS FROM scored")
    con.unregister("scored")


def fit_weighted_centres(vectors: Vectors, weights: npt.NDArray[np.float32], *, seed: int) -> Vectors:
    """Fit weighted k-means with 1 to 10 centres, one per ten distinct vectors; return the centres, unit length.

    Args:
        vectors: float32 `(n, d)`, unit length, in a reproducible order.
        weights: float32 `(n,)`, above 0.
        seed: Seed of the initial centres.

    Returns:
        float32 `(k, d)`, k from 1 to 10; the same bytes on any number of cores.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - 1.3 s to import
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn

    possible = len(np.unique(vectors, axis=0)) // MIN_POSTS_PER_CENTRE
    kmeans = KMeans(n_clusters=min(MAX_CENTRES, max(1, possible)), n_init=1, random_state=seed)  # pyright: ignore[reportArgumentType] - its stub knows only "auto"
    # With several threads the last bits of sums depend on the number of threads. Only libraries that are already loaded
    # can be limited, so scikit-learn is imported first.
    with threadpool_limits(limits=1):
        centres = kmeans.fit(vectors, sample_weight=weights).cluster_centers_.astype(np.float32)
    norms = np.linalg.norm(centres, axis=1, keepdims=True)
    return centres / np.maximum(norms, np.finfo(np.float32).tiny)


def _read_float32_vectors(embeddings: pads.Dataset) -> pa.RecordBatchReader:
    """Return URIs and vectors with vectors cast to float32, because DuckDB has no float16."""
    vector_type = pa.list_(pa.field("element", pa.float32()), read_vector_width(embeddings.schema))
    schema = pa.schema([("uri", pa.string()), ("vector", vector_type)])
    batches = scan_batches(embeddings, columns=["uri", "vector"], batch_rows=BATCH_ROWS)
    cast = (pa.record_batch([batch["uri"], pc.cast(batch["vector"], vector_type)], schema) for batch in batches)
    return pa.RecordBatchReader.from_batches(schema, cast)


def _compute_centres(con: duckdb.DuckDBPyConnection, *, seed: int) -> Iterator[tuple[int, Vectors]]:
    for cluster_id, table in _group_by_cluster(con.sql(SELECT_ENGAGED_VECTORS).to_arrow_reader(BATCH_ROWS)):
        yield cluster_id, fit_weighted_centres(_to_matrix(table["vector"]), table["weight"].to_numpy(), seed=seed)


def _score(
    con: duckdb.DuckDBPyConnection, centres: dict[int, Vectors], *, threshold: float
) -> Iterator[pa.RecordBatch]:
    """Yield `SCORES`: the pairs of a cluster and a candidate post whose similarity exceeds the threshold."""
    for batch in con.sql(SELECT_CANDIDATE_VECTORS).to_arrow_reader(BATCH_ROWS):
        vectors, clusters = _to_matrix(batch["vector"]), batch["clusters"].flatten().to_numpy()
        rows = pc.list_parent_indices(batch["clusters"]).to_numpy()
        for cluster, positions in _positions_by_value(clusters):
            if cluster in centres:
                # einsum, not a matrix product: the result of a row must not depend on the other rows of the batch.
                similarity = np.einsum("nd,kd->nk", vectors[rows[positions]], centres[cluster]).max(axis=1)
                is_above = similarity > threshold
                posts = batch["target_id"].take(pa.array(rows[positions][is_above]))
                cluster_ids = pa.array(np.full(len(posts), cluster, dtype=np.int32))
                yield pa.record_batch([cluster_ids, posts, pa.array(similarity[is_above])], SCORES)


def _positions_by_value(values: npt.NDArray[np.int32]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield each distinct value with the positions at which it occurs, both ascending."""
    order = np.argsort(values, kind="stable")
    for positions in np.split(order, np.flatnonzero(np.diff(values[order])) + 1):
        yield int(values[positions[0]]), positions


def _group_by_cluster(reader: pa.RecordBatchReader) -> Iterator[tuple[int, pa.Table]]:
    """Yield all rows of each cluster as one table, from batches that are sorted by `cluster_id`."""
    pending: list[pa.RecordBatch] = []
    for batch in reader:
        clusters = batch["cluster_id"].to_numpy()
        cuts = np.flatnonzero(np.diff(clusters)) + 1
        for start, end in zip(np.append(0, cuts), np.append(cuts, len(clusters)), strict=True):
            rows = batch.slice(start, end - start)
            if pending and pending[-1]["cluster_id"][0] != rows["cluster_id"][0]:
                yield pending[0]["cluster_id"][0].as_py(), pa.Table.from_batches(pending)
                pending = []
            pending.append(rows)
    if pending:
        yield pending[0]["cluster_id"][0].as_py(), pa.Table.from_batches(pending)


def _to_matrix(vectors: pa.FixedSizeListArray | pa.ChunkedArray) -> Vectors:
    flat = vectors.combine_chunks() if isinstance(vectors, pa.ChunkedArray) else vectors
    return flat.flatten().to_numpy().reshape(len(flat), -1)
