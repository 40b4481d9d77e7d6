"""The clustering methods, by the name that PERSONA_CLUSTER_METHOD gives.

A method is a function from users' vectors to a `Fit`. A method that only computes labels ends with `fit_from_labels`,
which enforces the minimum cluster size, computes the centres and numbers clusters by size. The hierarchy of levels, the
choice of the number of clusters and the stability call `fit_clusters`, so that they work with every method.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from persona_assets.assets.clusters.fit import fit_kmeans, relabel_by_size, require_enough_users, sample_users
from persona_assets.assets.clusters.lloyd import KMEANS, ClusterSpec, Fit, enforce_min_size
from persona_assets.post_vectors.assign import (
    Labels,
    Vectors,
    assign_nearest,
    compute_centres,
    similarity_to_own_centre,
    single_threaded_blas,
)

# Maximum number of users that Ward's method merges: it stores all distances between pairs, 100 MB for this many.
WARD_USERS = 5_000


class ClusteringMethod(Protocol):
    """Interface of a clustering method: a function from user vectors and a `ClusterSpec` to a `Fit`."""

    def __call__(self, vectors: Vectors, spec: ClusterSpec, *, seed: int, n_init: int | None = None) -> Fit:
        """Return the clusters; equal arguments give equal results.

        Args:
            vectors: float32 `(n_users, d)`, unit length, sorted by user id.
            spec: Number and minimum size of clusters. The users are enough for them.
            seed: Seed of all random choices.
            n_init: Number of initialisations, for methods that compare several; None for the method's default. The
                search for the number of clusters asks for few.
        """
        ...


def fit_clusters(vectors: Vectors, spec: ClusterSpec, *, seed: int, n_init: int | None = None) -> Fit:
    """Cluster users by the method that `spec.method` names; clusters are numbered by descending size.

    Args:
        vectors: float32 `(n_users, d)`, unit length, sorted by user id.
        spec: Method, number and minimum size of clusters, and the policy for smaller ones.
        seed: Seed of all random choices.
        n_init: Number of initialisations; None for the method's default.

    Raises:
        TooFewUsersError: The users are too few for the clusters.
    """
    require_enough_users(len(vectors), spec)
    return CLUSTERING_METHODS[spec.method](vectors, spec, seed=seed, n_init=n_init)


def fit_from_labels(vectors: Vectors, labels: Labels, spec: ClusterSpec) -> Fit:
    """Make a `Fit` of given labels: enforce the minimum size, and number clusters by descending size.

    Args:
        vectors: float32 `(n_users, d)`, unit length.
        labels: `(n_users,)`, the cluster of each user, from 0.
        spec: Minimum size of clusters, and the policy for smaller ones.
    """
    labels = labels.astype(np.int32)
    k = max(int(labels.max()) + 1, spec.n_clusters)
    with single_threaded_blas():
        centres = compute_centres(vectors, labels, fallback=np.zeros((k, vectors.shape[1]), np.float32))
        centres, labels = enforce_min_size(vectors, centres, labels, spec)
        centres = compute_centres(vectors, labels, fallback=centres)
        return relabel_by_size(Fit(labels, similarity_to_own_centre(vectors, labels, centres), centres))


def fit_ward(vectors: Vectors, spec: ClusterSpec, *, seed: int, n_init: int | None = None) -> Fit:
    """Cluster users by Ward's agglomerative method: repeatedly merge the two clusters that add least variance.

    If there are more than `WARD_USERS` users, a random sample of that size is merged (of `n_clusters` users if that is
    more). The other users join the nearest centre.
    """
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415 - 1 s, and definitions must load fast

    del n_init  # the method has no initialisation
    if spec.n_clusters == 1:
        return fit_from_labels(vectors, np.zeros(len(vectors), np.int32), spec)
    users = sample_users(vectors, max(WARD_USERS, spec.n_clusters), np.random.default_rng(seed))
    with single_threaded_blas():
        labels: Labels = AgglomerativeClustering(spec.n_clusters).fit_predict(users).astype(np.int32)
        if len(users) < len(vectors):
            fallback = np.zeros((spec.n_clusters, vectors.shape[1]), np.float32)
            labels = assign_nearest(vectors, compute_centres(users, labels, fallback=fallback)).labels
    return fit_from_labels(vectors, labels, spec)


CLUSTERING_METHODS: Mapping[str, ClusteringMethod] = {
    KMEANS: fit_kmeans,
    "ward": fit_ward,
}
