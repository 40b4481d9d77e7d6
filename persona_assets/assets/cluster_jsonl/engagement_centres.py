"""Find what each cluster engages with, and how close posts come to it."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.tables import vector_width

# BluePrint, clustering/src: at most 10 centres a cluster; weight 1, +2 if interacted with, +0.5 per follower.
MOST_CENTRES = 10
# With fewer posts to a centre each post would be its own, and close to itself whatever it says.
LEAST_POSTS_PER_CENTRE = 10
# Ten centres are found from this many posts of a cluster at most, drawn by a hash of the seed and the URI: in half a
# second.
MOST_ENGAGED = 5_000
SCORED_AT_ONCE = 8_192

WEIGHTS = """
    CREATE TEMP VIEW weights AS
    WITH fans AS (SELECT cluster_id, account, count(DISTINCT member) AS users FROM following GROUP BY ALL),
    posts AS (
        SELECT cluster_id, target_id, max(bonus) AS bonus
        FROM (
            SELECT cluster_id, target_id, 2 AS bonus FROM touched
            UNION ALL
            SELECT fans.cluster_id, id, 0 FROM messages JOIN fans ON fans.account = messages.user_id WHERE is_english
        )
        GROUP BY ALL
    )
    SELECT posts.cluster_id, target_id, messages.uri, (1 + bonus + 0.5 * coalesce(fans.users, 0))::FLOAT AS weight
    FROM posts
    JOIN messages ON messages.id = target_id
    LEFT JOIN fans ON fans.cluster_id = posts.cluster_id AND fans.account = messages.user_id
"""
"""What each cluster engages with, and how much: posts that its users acted on, and posts by whom they follow."""

ENGAGED = f"""
    CREATE TEMP TABLE engaged AS
    SELECT cluster_id, target_id, weight FROM weights SEMI JOIN large USING (cluster_id)
    QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY md5($seed || ' ' || uri), uri) <= {MOST_ENGAGED}
"""  # noqa: S608 - the number is a constant of this file

VECTORS = """
    CREATE TEMP TABLE vectors AS
    SELECT DISTINCT ON (messages.id) messages.id, messages.uri, embedded.vector
    FROM embedded JOIN messages ON messages.uri = embedded.uri
    WHERE messages.id IN (SELECT target_id FROM engaged UNION SELECT target_id FROM seen)
    ORDER BY messages.id, embedded.vector
"""

ENGAGED_VECTORS = """
    SELECT cluster_id, weight, vector FROM engaged JOIN vectors ON vectors.id = target_id ORDER BY cluster_id, uri
"""

SEEN_VECTORS = """
    SELECT target_id, clusters, vector
    FROM (SELECT target_id, list(DISTINCT cluster_id) AS clusters FROM seen GROUP BY target_id)
    JOIN vectors ON vectors.id = target_id
"""
"""Each post once, however many clusters let it pass: vectors are two thousand bytes."""

SCORES = pa.schema([("cluster_id", pa.int32()), ("target_id", pa.int32()), ("similarity", pa.float32())])

Vectors = npt.NDArray[np.float32]


def score_candidates(con: duckdb.DuckDBPyConnection, embeddings: pads.Dataset, *, above: float, seed: int) -> None:
    """Create the table `scores`: the posts of `seen` whose cosine with a centre of the cluster is `above`.

    Vectors of posts that matter are kept on disk beyond the memory limit, as the table `vectors`; in memory are those
    of one cluster's engaged posts, at most 5,000, and 12 bytes for each post and cluster that are close.

    Args:
        con: With the tables of `candidates.find_candidates` too.
        embeddings: `tables.embeddings_schema` of the window.
        above: The cosine that a post must exceed.
        seed: Of the centres, and of the posts that they are found from.
    """
    con.execute(WEIGHTS)
    con.execute(ENGAGED, {"seed": str(seed)})
    con.register("embedded", _in_float32(embeddings))
    con.execute(VECTORS)
    con.unregister("embedded")
    centres = dict(_find_centres(con, seed=seed))
    # All before any is inserted: the connection can do one thing at a time.
    con.register("scored", pa.Table.from_batches(_score(con, centres, above=above), SCORES))
    con.execute("CREATE TEMP TABLE scores AS FROM scored")
    con.unregister("scored")


def weight_centres(vectors: Vectors, weights: npt.NDArray[np.float32], *, seed: int) -> Vectors:
    """Return up to 10 centres of weighted vectors, by k-means, each of unit length.

    Args:
        vectors: float32 `(n, d)`, unit length, in an order that does not depend on chance.
        weights: float32 `(n,)`, above 0.
        seed: Of the first centres.

    Returns:
        float32 `(k, d)`: one centre for ten distinct vectors, at least 1 and at most 10; the same on any number of
        cores.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - 1.3 s to import
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn

    several = len(np.unique(vectors, axis=0)) // LEAST_POSTS_PER_CENTRE
    means = KMeans(n_clusters=min(MOST_CENTRES, max(1, several)), n_init=1, random_state=seed)  # pyright: ignore[reportArgumentType] - its stub knows only "auto"
    # How sums are split among threads shows in their last bits. Only pools of libraries that are loaded are limited, so
    # that scikit-learn is imported before.
    with threadpool_limits(limits=1):
        centres = means.fit(vectors, sample_weight=weights).cluster_centers_.astype(np.float32)
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    return centres / np.maximum(lengths, np.finfo(np.float32).tiny)


def _in_float32(embeddings: pads.Dataset) -> pa.RecordBatchReader:
    """Return URIs and vectors as DuckDB can read them: it has no float16."""
    kind = pa.list_(pa.field("element", pa.float32()), vector_width(embeddings.schema))
    schema = pa.schema([("uri", pa.string()), ("vector", kind)])
    batches = embeddings.to_batches(columns=["uri", "vector"])
    cast = (pa.record_batch([batch["uri"], pc.cast(batch["vector"], kind)], schema) for batch in batches)
    return pa.RecordBatchReader.from_batches(schema, cast)


def _find_centres(con: duckdb.DuckDBPyConnection, *, seed: int) -> Iterator[tuple[int, Vectors]]:
    for cluster_id, table in _by_cluster(con.sql(ENGAGED_VECTORS).to_arrow_reader(SCORED_AT_ONCE)):
        yield cluster_id, weight_centres(_as_matrix(table["vector"]), table["weight"].to_numpy(), seed=seed)


def _score(con: duckdb.DuckDBPyConnection, centres: dict[int, Vectors], *, above: float) -> Iterator[pa.RecordBatch]:
    """Yield the pairs of a cluster and a post that it may have let pass whose cosine is `above`."""
    for batch in con.sql(SEEN_VECTORS).to_arrow_reader(SCORED_AT_ONCE):
        vectors, clusters = _as_matrix(batch["vector"]), batch["clusters"].flatten().to_numpy()
        rows = pc.list_parent_indices(batch["clusters"]).to_numpy()
        for cluster, of in _group(clusters):
            if cluster in centres:
                # einsum, not a product of matrices: what a row gets must not depend on its neighbours.
                similarity = np.einsum("nd,kd->nk", vectors[rows[of]], centres[cluster]).max(axis=1)
                close = similarity > above
                posts = batch["target_id"].take(pa.array(rows[of][close]))
                numbers = pa.array(np.full(len(posts), cluster, dtype=np.int32))
                yield pa.record_batch([numbers, posts, pa.array(similarity[close])], SCORES)


def _group(values: npt.NDArray[np.int32]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield each value and where it stands."""
    order = np.argsort(values, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(values[order])) + 1):
        yield int(values[places[0]]), places


def _by_cluster(reader: pa.RecordBatchReader) -> Iterator[tuple[int, pa.Table]]:
    """Yield the rows of each cluster together; they come in the order of clusters."""
    held: list[pa.RecordBatch] = []
    for batch in reader:
        clusters = batch["cluster_id"].to_numpy()
        cuts = np.flatnonzero(np.diff(clusters)) + 1
        for start, end in zip(np.append(0, cuts), np.append(cuts, len(clusters)), strict=True):
            part = batch.slice(start, end - start)
            if held and held[-1]["cluster_id"][0] != part["cluster_id"][0]:
                yield held[0]["cluster_id"][0].as_py(), pa.Table.from_batches(held)
                held = []
            held.append(part)
    if held:
        yield held[0]["cluster_id"][0].as_py(), pa.Table.from_batches(held)


def _as_matrix(vectors: pa.FixedSizeListArray | pa.ChunkedArray) -> Vectors:
    flat = vectors.combine_chunks() if isinstance(vectors, pa.ChunkedArray) else vectors
    return flat.flatten().to_numpy().reshape(len(flat), -1)
