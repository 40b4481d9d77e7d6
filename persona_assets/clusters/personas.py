"""Make the tables of this room: from the vectors of posts to users in clusters."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.clusters.assign import Vectors
from persona_assets.clusters.choose_k import Candidate, choose_n_clusters
from persona_assets.clusters.fit import Fit, fit_clusters, require_enough_users
from persona_assets.clusters.silhouette import measure_silhouette
from persona_assets.clusters.vectors import average_user_vectors


class Personas(NamedTuple):
    """The clusters of a window, their centres, and how good they are."""

    clusters: pa.Table  # tables.CLUSTERS, sorted by user_id
    centres: pa.Table  # tables.centres_schema(d), by cluster_id
    silhouette: Vectors  # (n_users,), in the order of clusters; 0 for one cluster, which has no next best
    curve: list[Candidate]  # what the number of clusters was chosen from; empty when it was given
    dropped: dict[str, int]  # users without a vector, by reason


class Wanted(NamedTuple):
    """What clusters are asked for."""

    n_clusters: int | None  # None: chosen by silhouette
    min_cluster_size: int  # fewest users of a cluster
    seed: int  # of every draw


def find_personas(
    embeddings: pads.Dataset,
    english_users: pads.Dataset,
    wanted: Wanted,
    *,
    note_posts: Callable[[int], None] = lambda _: None,
    note_choices: Callable[[int], None] = lambda _: None,
) -> Personas:
    """Cluster the users of a window by the mean of their posts' vectors.

    The same for any order of posts, users and files. Memory is O(users * d).

    Args:
        embeddings: `tables.embeddings_schema(d)` of the window, any order.
        english_users: `tables.ENGLISH_USERS` of the window, any order.
        wanted: Number and least size of clusters, and the seed.
        note_posts: Called with the number of posts of each batch once it is read.
        note_choices: Called with 1 after each number of clusters that is tried.

    Raises:
        TooFewUsersError: Before any vector is read, or when too few users have one.
        VectorError: Vectors are not finite, not of unit length or of different widths.
    """
    n_clusters, min_cluster_size, seed = wanted
    least = n_clusters or 2
    require_enough_users(english_users.count_rows(), n_clusters=least, min_cluster_size=min_cluster_size)
    users = average_user_vectors(embeddings, english_users, note=note_posts)
    require_enough_users(len(users.user_ids), n_clusters=least, min_cluster_size=min_cluster_size)
    curve: list[Candidate] = []
    if n_clusters is None:
        n_clusters, curve = choose_n_clusters(
            users.vectors, min_cluster_size=min_cluster_size, seed=seed, note=note_choices
        )
    fit = fit_clusters(users.vectors, n_clusters=n_clusters, min_cluster_size=min_cluster_size, seed=seed)
    return Personas(
        clusters=pa.table([users.user_ids, fit.labels, fit.similarity], schema=tables.CLUSTERS),
        centres=_centres_table(fit),
        silhouette=measure_silhouette(users.vectors, fit.labels),
        curve=curve,
        dropped=users.dropped,
    )


def _centres_table(fit: Fit) -> pa.Table:
    n_clusters, width = fit.centres.shape
    schema = tables.centres_schema(width)
    centres = pa.FixedSizeListArray.from_arrays(fit.centres.ravel(), type=schema.field("centre").type)
    return pa.table([np.arange(n_clusters, dtype=np.int32), np.bincount(fit.labels), centres], schema=schema)
