"""Estimate which posts a user saw and let pass.

Nobody records what was on a screen, so this is a guess with its evidence: a post by an account that the user
follows, or liked or reposted by one, less than a day before something that the user did, with which the user did
nothing, and which is close to what its persona engages with. After BluePrint's estimate, with its faults mended:
no own posts, no posts that the user acted on, a cap per user, true times, the same result each time.
"""

from collections.abc import Iterator
from typing import NamedTuple

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
# A persona of fewer users says too little about what its users would like.
LEAST_USERS = 5
# Centres are found from this many posts of a cluster at most, drawn by a hash of the URI: 30 MB of vectors.
MOST_ENGAGED = 20_000
SCORED_AT_ONCE = 8_192

FOLLOWING = f"""
    CREATE TEMP TABLE following AS
    SELECT f.member, f.cluster_id, f.account, f.event_time_us AS since_us, min(u.event_time_us) AS until_us
    FROM toward AS f
    LEFT JOIN toward AS u ON u.uri = f.uri AND u.action = 'unfollow'
    WHERE f.action = 'follow' AND f.cluster_id IN (
        SELECT cluster_id FROM members GROUP BY cluster_id HAVING count(*) >= {LEAST_USERS}
    )
    GROUP BY ALL
"""  # noqa: S608 - the number is a constant of this file
"""Who follows whom from when until when, among users of clusters that are large enough."""

TOUCHED = """
    CREATE TEMP TABLE touched AS
    SELECT DISTINCT a.cluster_id, a.member, posts.id AS target_id
    FROM (
        SELECT members.member, members.cluster_id, target_uri AS uri
        FROM user_actions AS a JOIN members ON members.user_id = a.user_id
        WHERE action IN ('like', 'repost')
        UNION ALL
        SELECT member, cluster_id, parent_uri FROM messages WHERE member IS NOT NULL AND parent_uri IS NOT NULL
        UNION ALL
        SELECT member, cluster_id, quoted_uri FROM messages WHERE quoted_uri IS NOT NULL
    ) AS a
    JOIN messages AS posts ON posts.uri = a.uri
    WHERE posts.is_english
"""
"""The English posts that each user liked, reposted, answered or quoted, undone later or not."""

SHOWN = """
    CREATE TEMP VIEW shown AS
    SELECT user_id AS account, id AS target_id, member AS author, event_time_us AS shown_us
    FROM messages WHERE is_english
    UNION ALL
    SELECT a.user_id, posts.id, posts.member, a.event_time_us
    FROM user_actions AS a JOIN messages AS posts ON posts.uri = a.target_uri
    WHERE a.action IN ('like', 'repost') AND posts.is_english
"""
"""What an account shows to who follows it, and when."""

SEEN = """
    CREATE TEMP TABLE seen AS
    WITH exposures AS (
        SELECT
            f.member, f.cluster_id, shown.target_id, shown.shown_us, f.until_us,
            greatest(shown.shown_us, f.since_us) AS from_us
        FROM following AS f JOIN shown ON shown.account = f.account
        ANTI JOIN touched ON touched.member = f.member AND touched.target_id = shown.target_id
        WHERE shown.author IS DISTINCT FROM f.member
    ),
    own AS (
        SELECT DISTINCT members.member, a.event_time_us
        FROM user_actions AS a JOIN members ON members.user_id = a.user_id
        WHERE a.action <> 'account_status' AND members.member IN (SELECT member FROM following)
    )
    SELECT e.member, e.cluster_id, e.target_id, min(own.event_time_us) AS event_time_us
    FROM exposures AS e
    ASOF JOIN own ON own.member = e.member AND own.event_time_us > e.from_us
    WHERE own.event_time_us <= e.shown_us + 86400000000 AND own.event_time_us <= coalesce(e.until_us, own.event_time_us)
    GROUP BY ALL
"""
"""What each user probably saw and did nothing with: from the time that it was shown and followed, until the
user's next act, if that came within a day. `event_time_us` is the time of that act: the user was there then."""

ENGAGED = f"""
    CREATE TEMP TABLE engaged AS
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
    SELECT posts.cluster_id, target_id, (1 + bonus + 0.5 * coalesce(fans.users, 0))::FLOAT AS weight
    FROM posts
    JOIN messages ON messages.id = target_id
    LEFT JOIN fans ON fans.cluster_id = posts.cluster_id AND fans.account = messages.user_id
    WHERE posts.cluster_id IN (SELECT cluster_id FROM seen)
    QUALIFY row_number() OVER (PARTITION BY posts.cluster_id ORDER BY md5(messages.uri), messages.uri) <= {MOST_ENGAGED}
"""  # noqa: S608 - the number is a constant of this file
"""What each cluster engages with, and how much: posts that its users acted on, and posts by whom they follow."""

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
    SELECT cluster_id, target_id, vector FROM (SELECT DISTINCT cluster_id, target_id FROM seen)
    JOIN vectors ON vectors.id = target_id ORDER BY cluster_id, uri
"""

NEAREST = """
    CREATE TEMP TABLE ignored AS
    SELECT seen.member, seen.cluster_id, seen.target_id, seen.event_time_us, scores.similarity
    FROM seen
    JOIN scores ON scores.cluster_id = seen.cluster_id AND scores.target_id = seen.target_id
    JOIN vectors ON vectors.id = seen.target_id
    QUALIFY row_number() OVER (
        PARTITION BY seen.member ORDER BY scores.similarity DESC, seen.event_time_us, vectors.uri
    ) <= $cap
"""

NOTHING = """
    CREATE TEMP TABLE ignored (
        member INTEGER, cluster_id INTEGER, target_id INTEGER, event_time_us BIGINT, similarity FLOAT
    )
"""

Vectors = npt.NDArray[np.float32]


class IgnoredOptions(NamedTuple):
    """How posts that were let pass are chosen."""

    similarity_threshold: float  # cosine to one of the cluster's centres that a post must exceed
    cap_ignored_messages: int  # most posts of one user, the nearest ones
    seed: int


def estimate_ignored(con: duckdb.DuckDBPyConnection, embeddings: pads.Dataset, options: IgnoredOptions) -> int:
    """Create the table `ignored` and return the number of its rows.

    A row says that a user let a post pass, and when: at the first act of the user after the post was shown to
    it. Vectors of posts that matter are kept on disk beyond the memory limit; in memory are those of one cluster's
    engaged posts, at most 20,000, and 12 bytes for each post and cluster that are close.

    Args:
        con: With the tables of `window.load_window` and `targets.resolve_targets`.
        embeddings: `tables.embeddings_schema` of the window.
        options: Threshold, cap and seed.
    """
    for statement in (FOLLOWING, TOUCHED, SHOWN, SEEN, ENGAGED):
        con.execute(statement)
    con.register("embedded", _in_float32(embeddings))
    con.execute(VECTORS)
    con.unregister("embedded")
    centres = dict(_find_centres(con, seed=options.seed))
    threshold, cap = options.similarity_threshold, options.cap_ignored_messages
    con.register("scores", pa.Table.from_batches(_score(con, centres, above=threshold), SCORES))
    con.execute(NEAREST, {"cap": cap})
    con.unregister("scores")
    (count,) = con.sql("SELECT count(*) FROM ignored").fetchall()[0]
    return count


def estimate_nothing(con: duckdb.DuckDBPyConnection) -> int:
    """Create the table `ignored` without a row, and return that number: nobody asked for the estimate."""
    con.execute(NOTHING)
    return 0


def weigh_centres(vectors: Vectors, weights: npt.NDArray[np.float32], *, seed: int) -> Vectors:
    """Return up to 10 centres of weighted vectors, by k-means, each of unit length.

    Args:
        vectors: float32 `(n, d)`, unit length, in an order that does not depend on chance.
        weights: float32 `(n,)`, above 0.
        seed: Of the first centres.

    Returns:
        float32 `(k, d)`: one centre for ten distinct vectors, at least 1 and at most 10.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - 1.3 s to import

    several = len(np.unique(vectors, axis=0)) // LEAST_POSTS_PER_CENTRE
    means = KMeans(n_clusters=min(MOST_CENTRES, max(1, several)), n_init=1, random_state=seed)  # pyright: ignore[reportArgumentType] - its stub knows only "auto"
    centres = means.fit(vectors, sample_weight=weights).cluster_centers_.astype(np.float32)
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    return centres / np.maximum(lengths, np.finfo(np.float32).tiny)


SCORES = pa.schema([("cluster_id", pa.int32()), ("target_id", pa.int32()), ("similarity", pa.float32())])


def _in_float32(embeddings: pads.Dataset) -> pa.RecordBatchReader:
    """Return URIs and vectors as DuckDB can read them: it has no float16."""
    kind = pa.list_(pa.field("element", pa.float32()), vector_width(embeddings.schema))
    schema = pa.schema([("uri", pa.string()), ("vector", kind)])
    batches = embeddings.to_batches(columns=["uri", "vector"])
    cast = (pa.record_batch([batch["uri"], pc.cast(batch["vector"], kind)], schema) for batch in batches)
    return pa.RecordBatchReader.from_batches(schema, cast)


def _find_centres(con: duckdb.DuckDBPyConnection, *, seed: int) -> Iterator[tuple[int, Vectors]]:
    for cluster_id, table in _by_cluster(con.sql(ENGAGED_VECTORS).to_arrow_reader(SCORED_AT_ONCE)):
        yield cluster_id, weigh_centres(_as_matrix(table), table["weight"].to_numpy(), seed=seed)


def _score(con: duckdb.DuckDBPyConnection, centres: dict[int, Vectors], *, above: float) -> Iterator[pa.RecordBatch]:
    """Yield the posts whose cosine with the nearest centre of a cluster whose user saw them is `above`."""
    for cluster_id, table in _by_cluster(con.sql(SEEN_VECTORS).to_arrow_reader(SCORED_AT_ONCE)):
        if cluster_id not in centres:
            continue
        # einsum, not a product of matrices: what a row gets must not depend on its neighbours.
        similarity = np.einsum("nd,kd->nk", _as_matrix(table), centres[cluster_id]).max(axis=1)
        close = similarity > above
        columns = [table["cluster_id"].to_numpy(), table["target_id"].to_numpy(), similarity]
        yield pa.record_batch([pa.array(column[close]) for column in columns], SCORES)


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


def _as_matrix(table: pa.Table) -> Vectors:
    vectors = table["vector"].combine_chunks()
    return vectors.flatten().to_numpy().reshape(len(vectors), -1)
