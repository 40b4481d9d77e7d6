"""Fit clusters of users: spherical k-means with a least size, numbered by size."""

from typing import NamedTuple

import numpy as np

from persona_assets.clusters.assign import (
    Labels,
    Vectors,
    assign_nearest,
    average_centres,
    own_similarity,
    single_threaded_blas,
)
from persona_assets.clusters.min_size import fill_small_clusters
from persona_assets.errors import TooFewUsersError

STARTS = 10
MOST_ROUNDS = 300
# Rounds end when the mean similarity gains less than this.
LEAST_GAIN = 1e-6
# First centres are drawn from this many users or 20 a cluster, whichever is more: drawing from all costs as
# much as many rounds and gains nothing measurable.
SAMPLED_USERS = 20_000
SAMPLED_USERS_OF_A_CLUSTER = 20


class Fit(NamedTuple):
    """Clusters numbered by size, the largest 0; of equal size, first the one with the first user."""

    labels: Labels  # (n_users,)
    similarity: Vectors  # (n_users,) cosine of the user and the centre of its cluster
    centres: Vectors  # (k, d), unit length: the normalised mean of the cluster's users


def require_enough_users(users: int, *, n_clusters: int, min_cluster_size: int) -> None:
    """Refuse more clusters than the users allow.

    Raises:
        TooFewUsersError: Says how many clusters are possible and which variables to change.
    """
    possible = users // min_cluster_size
    if possible >= n_clusters:
        return
    fewer = f"set PERSONA_N_CLUSTERS to at most {possible}, or " if possible else ""
    raise TooFewUsersError(
        f"{n_clusters} clusters of at least {min_cluster_size} users need {n_clusters * min_cluster_size} users, "
        f"and the window has {users}: {fewer}lower PERSONA_MIN_CLUSTER_SIZE or PERSONA_MIN_ENGLISH_POSTS, or "
        "lengthen the window (PERSONA_WINDOW_DAYS)"
    )


def fit_clusters(vectors: Vectors, *, n_clusters: int, min_cluster_size: int, seed: int, starts: int = STARTS) -> Fit:
    """Return the best of several fits of spherical k-means (Dhillon and Modha, 2001).

    Each start draws its centres by k-means++ and moves them until the mean cosine of users and their centres
    gains no more; clusters that end too small are filled at the least loss and the centres moved again. The
    result depends on the order of rows, so rows must be in a stated order; it does not depend on the number
    of cores or BLAS threads.

    Args:
        vectors: `(n_users, d)`, unit length, in order of user id.
        n_clusters: Number of clusters, at least 1.
        min_cluster_size: Fewest users of a cluster, at least 1.
        seed: Of the draws.
        starts: Number of fits; the one of greatest mean similarity is kept.

    Raises:
        TooFewUsersError: Before any work.
    """
    require_enough_users(len(vectors), n_clusters=n_clusters, min_cluster_size=min_cluster_size)
    seeds = np.random.SeedSequence(seed).generate_state(starts)
    with single_threaded_blas():
        fits = [_fit_once(vectors, n_clusters, min_cluster_size, int(start)) for start in seeds]
        return _number(max(fits, key=lambda fit: float(fit.similarity.mean(dtype=np.float64))))


def _fit_once(vectors: Vectors, n_clusters: int, min_cluster_size: int, seed: int) -> Fit:
    centres = _draw_centres(vectors, n_clusters, seed)
    return _move_centres(vectors, centres, min_cluster_size)


def _draw_centres(vectors: Vectors, n_clusters: int, seed: int) -> Vectors:
    from sklearn.cluster import kmeans_plusplus  # noqa: PLC0415 - 1 s, and definitions must load fast

    most = max(SAMPLED_USERS, SAMPLED_USERS_OF_A_CLUSTER * n_clusters)
    if len(vectors) > most:
        chosen = np.random.default_rng(seed).choice(len(vectors), most, replace=False)
        vectors = vectors[np.sort(chosen)]
    return np.asarray(kmeans_plusplus(vectors, n_clusters, random_state=seed)[0], np.float32)


def _move_centres(vectors: Vectors, centres: Vectors, min_cluster_size: int) -> Fit:
    """Assign, fill and average in turn until no user moves or the mean similarity gains nothing."""
    labels, before = np.empty(0, np.int32), -np.inf
    for _ in range(MOST_ROUNDS):
        nearest = assign_nearest(vectors, centres).labels
        moved = fill_small_clusters(vectors, centres, nearest, min_cluster_size=min_cluster_size)
        if np.array_equal(moved, labels):
            break
        labels = moved
        centres = average_centres(vectors, labels, before=centres)
        mean = float(own_similarity(vectors, labels, centres).mean(dtype=np.float64))
        if mean - before < LEAST_GAIN:
            break
        before = mean
    return Fit(labels, own_similarity(vectors, labels, centres), centres)


def _number(fit: Fit) -> Fit:
    """Number clusters by size; of equal size, the one that has the first user comes first."""
    found, first, sizes = np.unique(fit.labels, return_index=True, return_counts=True)
    order = found[np.lexsort((first, -sizes))]
    number = np.empty(len(fit.centres), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return Fit(number[fit.labels], fit.similarity, fit.centres[order])
