"""Put together what each cluster is about."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.cluster_stats.count_actions import (
    Counts,
    count_by_cluster,
    count_outcomes,
    count_without_cluster,
    name_medians,
    share_by_hour,
)
from persona_assets.assets.cluster_stats.distinctive_words import Word, find_words, label_from, sample_posts
from persona_assets.assets.cluster_stats.map_plot import Map
from persona_assets.assets.cluster_stats.medoids import Medoid, find_medoids
from persona_assets.assets.cluster_stats.topics import Topics, find_topics
from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.common.map_layout import compute_map_positions, sample_map_users
from persona_assets.common.pictures import Floats
from persona_assets.post_vectors.duplicates import find_repeated_posts
from persona_assets.post_vectors.exact_sums import add_by_row, directions
from persona_assets.post_vectors.read import common_width, read_post_vectors
from persona_assets.post_words.words import load_words

# Maximum number of users on the map: 9 s of CPU, and 60 KB of the page.
MAP_USERS = 10_000
# Posts that topics are sought in: of a cluster, and of all clusters together when they are many. Topics take most of
# the time: 2 s for each cluster.
TOPIC_POSTS_OF_A_CLUSTER = 600
TOPIC_POSTS = 30_000
LEAST_TOPIC_POSTS = 100


class Inputs(NamedTuple):
    """What is read."""

    accounting: pa.Table  # tables.ACTION_ACCOUNTING
    by_hour: pa.Table  # tables.ACTIONS_BY_HOUR
    per_user: pa.Table  # tables.ACTIONS_PER_USER
    clusters: pads.Dataset  # tables.CLUSTERS
    english_posts: pads.Dataset  # tables.ENGLISH_POSTS of the window
    embeddings: pads.Dataset  # tables.embeddings_schema(d) of the window


class Persona(NamedTuple):
    """What one cluster is about."""

    label: str  # its name, or its best words where it has none
    counts: Counts
    medians: dict[str, float]  # of what one user did, by count.COLUMNS
    hours: list[float]  # share of actions in each hour of the day (UTC)
    words: list[Word]
    medoids: list[Medoid]
    topics: Topics


class Summary(NamedTuple):
    """Every cluster, in order of its number, and what belongs to none."""

    personas: list[Persona]
    without_persona: Counts
    outcomes: dict[str, dict[str, int]]  # how many actions met which outcome, by action
    similarity: Floats  # (k, k) cosine of the mean posts of each two clusters
    map: Map


def summarise_clusters(  # noqa: PLR0913 - each a choice of the caller's
    inputs: Inputs,
    *,
    language: str,
    seed: int,
    memory_limit: str,
    scratch: Path,
    note: Callable[[int], None] = lambda _: None,
) -> Summary:
    """Count, name and describe every cluster; the order of rows in the inputs does not matter.

    A post that was delivered on several days counts once. Memory is that of the connection, of the users' ids, of the
    repeated uris, and of one batch of vectors.

    Args:
        inputs: The tables of the day and its window.
        language: Of the posts, ISO 639, for the words to leave out.
        seed: Of the topics, and of the map and its sample of users.
        memory_limit: Of counting words.
        scratch: A folder to spill to.
        note: Called with 1 after the topics of each cluster.
    """
    users = inputs.clusters.to_table(columns=["user_id", "cluster_id"]).sort_by("user_id")
    sizes = np.bincount(users["cluster_id"].to_numpy())
    k = len(sizes)
    repeated = find_repeated_posts(inputs.english_posts, memory_limit=memory_limit, scratch=scratch)
    most = max(LEAST_TOPIC_POSTS, min(TOPIC_POSTS_OF_A_CLUSTER, TOPIC_POSTS // k))
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as connection:
        numbers = pa.array(np.arange(len(users), dtype=np.int32))
        connection.register("users", users.append_column("user_number", numbers))
        create_dataset_view(connection, "english_posts", inputs.english_posts)
        stop_words = load_words(connection, repeated=repeated, language=language, n_clusters=k)
        words = find_words(connection, n_clusters=k)
        posts = sample_posts(connection, stop_words, n_clusters=k, most=most)
    topics: list[Topics] = []
    for sample in posts:
        topics.append(find_topics(sample, seed=seed))
        note(1)
    repeated = find_repeated_posts(inputs.embeddings, memory_limit=memory_limit, scratch=scratch)
    medoids, similarity, user_map = _look_at_vectors(inputs, users, repeated, seed)
    columns = (
        [label_from(best) for best in words],
        count_by_cluster(inputs.accounting, sizes.tolist()),
        name_medians(inputs.per_user, n_clusters=k),
        share_by_hour(inputs.by_hour, n_clusters=k),
        words,
        medoids,
        topics,
    )
    return Summary(
        [Persona(*parts) for parts in zip(*columns, strict=True)],
        count_without_cluster(inputs.accounting),
        count_outcomes(inputs.accounting),
        similarity,
        user_map,
    )


def _look_at_vectors(
    inputs: Inputs, users: pa.Table, repeated: pa.Array, seed: int
) -> tuple[list[list[Medoid]], Floats, Map]:
    """Pass over the vectors twice: for the means of clusters and of the map's users, then for the medoids."""
    clusters = users["cluster_id"].to_numpy().astype(np.int64)
    row_of_user = {user_id: row for row, user_id in enumerate(users["user_id"].to_pylist())}
    drawn = sample_map_users(row_of_user, clusters, max_users=MAP_USERS, seed=seed)
    place_on_map = np.full(len(clusters), -1)
    place_on_map[drawn] = np.arange(len(drawn))
    width = common_width(inputs.embeddings)
    cluster_sums, user_sums = np.zeros((int(clusters.max()) + 1, width)), np.zeros((len(drawn), width))
    for posts in read_post_vectors(inputs.embeddings, row_of_user, repeated=repeated):
        add_by_row(cluster_sums, clusters[posts.rows], posts.vectors)
        on_map = place_on_map[posts.rows] >= 0
        add_by_row(user_sums, place_on_map[posts.rows[on_map]], posts.vectors[on_map])
    posts = read_post_vectors(inputs.embeddings, row_of_user, repeated=repeated)
    means = directions(cluster_sums)
    medoids = find_medoids(posts, inputs.english_posts, clusters=clusters, means=means)
    return medoids, means @ means.T, Map(compute_map_positions(directions(user_sums), seed=seed), clusters[drawn])
