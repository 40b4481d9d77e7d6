"""Summarise each cluster of a window: counts, words, medoids, topics, and a map of its users."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.cluster_stats.count_actions import (
    ActionCounts,
    count_actions_by_cluster,
    count_actions_by_outcome,
    count_actions_without_cluster,
    median_actions_by_cluster,
    share_actions_by_hour,
)
from persona_assets.assets.cluster_stats.distinctive_words import (
    ClusterWord,
    find_distinctive_words,
    label_from_words,
    sample_post_words,
)
from persona_assets.assets.cluster_stats.map_plot import UserMap
from persona_assets.assets.cluster_stats.map_positions import EarlierMap, match_earlier_positions
from persona_assets.assets.cluster_stats.mark_outliers import mark_outliers
from persona_assets.assets.cluster_stats.medoids import Medoid, find_medoids
from persona_assets.assets.cluster_stats.topics import ClusterTopics, find_topics
from persona_assets.common.map_layout import compute_map_positions, sample_map_users
from persona_assets.common.pictures import Floats
from persona_assets.common.progress import phase
from persona_assets.consent.left_out import NOTHING_LEFT_OUT, LeftOut, leave_out_users
from persona_assets.post_vectors.exact_sums import add_by_row, to_unit_vectors
from persona_assets.post_vectors.read import read_common_width, read_post_vectors
from persona_assets.post_vectors.repeated_uris import find_repeated_uris
from persona_assets.post_words.words import open_word_tables

# Maximum number of users on the map: 3 s of CPU, and 60 KB of the page.
MAX_MAP_USERS = 10_000
# Maximum posts for the topics of one cluster, and of all clusters together: 0.1 s for a cluster.
MAX_TOPIC_POSTS_PER_CLUSTER = 600
MAX_TOPIC_POSTS = 30_000
# Minimum of that limit for one cluster, however many clusters there are.
MIN_TOPIC_POSTS = 100


class ReportInputs(NamedTuple):
    """The tables that a report is built from; datasets are lazy, rows in any order."""

    action_accounting: pa.Table  # tables.ACTION_ACCOUNTING
    actions_by_hour: pa.Table  # tables.ACTIONS_BY_HOUR
    medians_per_user: pa.Table  # tables.ACTIONS_PER_USER
    clusters: pads.Dataset  # tables.CLUSTERS of the day
    english_posts: pads.Dataset  # tables.ENGLISH_POSTS of the window
    embeddings: pads.Dataset  # tables.embeddings_schema(d) of the window
    left_out: LeftOut = NOTHING_LEFT_OUT  # users and posts that are neither shown nor counted among words


class ClusterSummary(NamedTuple):
    """The counts, words, medoids and topics of one cluster."""

    label: str  # name of its persona, or its best words if it has none
    counts: ActionCounts
    medians: dict[str, float]  # median actions per user, by names of count_actions.COLUMNS
    hours: list[float]  # 24 shares of its actions, by hour of the day (UTC)
    words: list[ClusterWord]
    medoids: list[Medoid]
    topics: ClusterTopics


class WindowSummary(NamedTuple):
    """The summaries of all clusters of a window, with counts over all users, and the map."""

    clusters: list[ClusterSummary]  # sorted by cluster_id
    without_persona: ActionCounts  # of users in no cluster
    outcomes: dict[str, dict[str, int]]  # number of actions by action and outcome
    similarity: Floats  # float32 (k, k), cosine similarity of the mean vectors of each two clusters
    map: UserMap


def summarise_clusters(  # noqa: PLR0913 - each a choice of the caller's
    inputs: ReportInputs,
    *,
    language: str,
    seed: int,
    memory_limit: str,
    scratch: Path,
    earlier: EarlierMap | None = None,
) -> WindowSummary:
    """Compute counts, words, medoids and topics of each cluster, the similarity of clusters, and the map of users.

    The result does not depend on the order of rows. A post that was delivered on several days counts once.
    Memory is the limit of DuckDB, the ids of users, the URIs of repeated posts, and one batch of vectors.

    Args:
        inputs: The tables of the day and its window.
        language: ISO 639 code of the posts' language, which decides the stop words.
        seed: Seed of the topics, and of the map and its sample of users.
        memory_limit: Memory of DuckDB, such as "4GB"; beyond it queries spill to `scratch`.
        scratch: An existing folder for temporary files.
        earlier: The map of the day before, with whose positions the map begins.
    """
    users = inputs.clusters.to_table(columns=["user_id", "cluster_id", "similarity"]).sort_by("user_id")
    sizes = np.bincount(users["cluster_id"].to_numpy())
    k = len(sizes)
    max_posts = max(MIN_TOPIC_POSTS, min(MAX_TOPIC_POSTS_PER_CLUSTER, MAX_TOPIC_POSTS // k))
    with open_word_tables(
        users.drop(["similarity"]),
        inputs.english_posts,
        left_out=inputs.left_out,
        language=language,
        n_clusters=k,
        memory_limit=memory_limit,
        scratch=scratch,
    ) as (connection, stop_words):
        with phase("finding distinctive words"):
            words = find_distinctive_words(connection, n_clusters=k)
        with phase("sampling posts for topics"):
            posts = sample_post_words(connection, stop_words, n_clusters=k, max_posts=max_posts)
    topics: list[ClusterTopics] = []
    with phase("finding topics", what="clusters", total=len(posts)) as searched:
        for sample in posts:
            topics.append(find_topics(sample, seed=seed))
            searched.add(1)
    repeated = find_repeated_uris(inputs.embeddings, memory_limit=memory_limit, scratch=scratch)
    shown = leave_out_users(users, inputs.left_out)
    medoids, similarity, user_map = _summarise_vectors(inputs, shown, repeated, seed, earlier, n_clusters=k)
    columns = (
        [label_from_words(best) for best in words],
        count_actions_by_cluster(inputs.action_accounting, sizes.tolist()),
        median_actions_by_cluster(inputs.medians_per_user, n_clusters=k),
        share_actions_by_hour(inputs.actions_by_hour, n_clusters=k),
        words,
        medoids,
        topics,
    )
    return WindowSummary(
        [ClusterSummary(*values) for values in zip(*columns, strict=True)],
        count_actions_without_cluster(inputs.action_accounting),
        count_actions_by_outcome(inputs.action_accounting),
        similarity,
        user_map,
    )


def _summarise_vectors(  # noqa: PLR0913 - what the summary has at hand
    inputs: ReportInputs, users: pa.Table, repeated: pa.Array, seed: int, earlier: EarlierMap | None, *, n_clusters: int
) -> tuple[list[list[Medoid]], Floats, UserMap]:
    """Return medoids by cluster, similarities of clusters, and the map.

    Reads the vectors twice: for the means of clusters and of the users on the map, then for the medoids.
    """
    clusters = users["cluster_id"].to_numpy().astype(np.int64)
    row_of_user = {user_id: row for row, user_id in enumerate(users["user_id"].to_pylist())}
    drawn = sample_map_users(row_of_user, clusters, max_users=MAX_MAP_USERS, seed=seed)
    place_on_map = np.full(len(clusters), -1)
    place_on_map[drawn] = np.arange(len(drawn))
    width = read_common_width(inputs.embeddings)
    cluster_sums, user_sums = np.zeros((n_clusters, width)), np.zeros((len(drawn), width))
    left_out = inputs.left_out.posts
    for posts in read_post_vectors(inputs.embeddings, row_of_user, repeated_uris=repeated, left_out=left_out):
        add_by_row(cluster_sums, clusters[posts.rows], posts.vectors)
        on_map = place_on_map[posts.rows] >= 0
        add_by_row(user_sums, place_on_map[posts.rows[on_map]], posts.vectors[on_map])
    posts = read_post_vectors(inputs.embeddings, row_of_user, repeated_uris=repeated, left_out=left_out)
    means = to_unit_vectors(cluster_sums)
    medoids = find_medoids(posts, inputs.english_posts, clusters=clusters, means=means)
    user_ids = users["user_id"].take(pa.array(drawn)).to_pylist()
    previous = match_earlier_positions(earlier, user_ids) if earlier else None
    with phase("laying out the map"):
        positions = compute_map_positions(to_unit_vectors(user_sums), seed=seed, previous=previous)
    outliers = mark_outliers(users["similarity"].to_numpy(), clusters)
    return medoids, means @ means.T, UserMap(positions, clusters[drawn], outliers[drawn], user_ids)
