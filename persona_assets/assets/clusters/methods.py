"""The clustering methods, by the name that PERSONA_CLUSTER_METHOD gives.

A method is a function from users' vectors to a `Fit`. Whatever finds labels alone ends with `fit_of_labels`, which
enforces the minimum cluster size, averages centres and numbers clusters by size. Levels, the choice of the number of
clusters and stability go through `fit_clusters`, and so work with every method.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from persona_assets.assets.clusters.assign import (
    Labels,
    Vectors,
    assign_nearest,
    average_centres,
    own_similarity,
    single_threaded_blas,
)
from persona_assets.assets.clusters.fit import fit_kmeans, number_clusters, require_enough_users, sample_users
from persona_assets.assets.clusters.lloyd import KMEANS, ClusterSpec, Fit, enforce_min_size

# Ward's method holds the distances of all pairs: 100 MB for this many users.
WARD_USERS = 5_000


class ClusteringMethod(Protocol):
    """Finds clusters of users."""

    def __call__(self, vectors: Vectors, spec: ClusterSpec, *, seed: int, starts: int | None = None) -> Fit:
        """Return the clusters, the same every time.

        Args:
            vectors: float32 `(n_users, d)`, unit length, in order of user id.
            spec: Number and minimum size of clusters. There are enough users for them.
            seed: Seed of every draw.
            starts: Number of starts, for methods that have several: the search for a number of clusters asks for few.
        """
        ...


def fit_clusters(vectors: Vectors, spec: ClusterSpec, *, seed: int, starts: int | None = None) -> Fit:
    """Return clusters by the method that `spec` names.

    Args:
        vectors: float32 `(n_users, d)`, unit length, in order of user id.
        spec: Method, number and minimum size of clusters, and what becomes of smaller ones.
        seed: Seed of every draw.
        starts: Number of starts; None lets the method choose.

    Raises:
        TooFewUsersError: Before any work.
    """
    require_enough_users(len(vectors), spec)
    return CLUSTERING_METHODS[spec.method](vectors, spec, seed=seed, starts=starts)


def fit_of_labels(vectors: Vectors, labels: Labels, spec: ClusterSpec) -> Fit:
    """Return the clusters that `labels` name, small ones filled or dissolved as `spec` says, numbered by size.

    Args:
        vectors: float32 `(n_users, d)`, unit length.
        labels: `(n_users,)`, a number from 0 for each cluster, in any order.
        spec: Minimum size of clusters, and what becomes of smaller ones.
    """
    labels = labels.astype(np.int32)
    k = max(int(labels.max()) + 1, spec.n_clusters)
    with single_threaded_blas():
        centres = average_centres(vectors, labels, before=np.zeros((k, vectors.shape[1]), np.float32))
        centres, labels = enforce_min_size(vectors, centres, labels, spec)
        centres = average_centres(vectors, labels, before=centres)
        return number_clusters(Fit(labels, own_similarity(vectors, labels, centres), centres))


def fit_ward(vectors: Vectors, spec: ClusterSpec, *, seed: int, starts: int | None = None) -> Fit:
    """Return clusters by Ward's method: the two clusters whose merger adds least variance are merged in turn.

    Of more than `WARD_USERS` users as many are drawn, or as many as clusters if those are more, and merged. The others
    join the nearest centre.
    """
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415 - 1 s, and definitions must load fast

    del starts  # there is one
    if spec.n_clusters == 1:
        return fit_of_labels(vectors, np.zeros(len(vectors), np.int32), spec)
    users = sample_users(vectors, max(WARD_USERS, spec.n_clusters), np.random.default_rng(seed))
    with single_threaded_blas():
        labels: Labels = AgglomerativeClustering(spec.n_clusters).fit_predict(users).astype(np.int32)
        if len(users) < len(vectors):
            centres = average_centres(users, labels, before=np.zeros((spec.n_clusters, vectors.shape[1]), np.float32))
            labels = assign_nearest(vectors, centres).labels
    return fit_of_labels(vectors, labels, spec)


CLUSTERING_METHODS: Mapping[str, ClusteringMethod] = {
    KMEANS: fit_kmeans,
    "ward": fit_ward,
}
