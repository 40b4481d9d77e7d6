"""Run Lloyd iterations of spherical k-means with a minimum cluster size."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from persona_assets.assets.clusters.min_size import dissolve_small_clusters, fill_small_clusters
from persona_assets.post_vectors.assign import (
    Labels,
    Vectors,
    assign_nearest,
    compute_centres,
    similarity_to_own_centre,
)

MAX_ITERATIONS = 300
# Iterations end when the mean similarity increases by less than this.
TOLERANCE = 1e-5


KMEANS = "kmeans"


class ClusterSpec(NamedTuple):
    """The requested clusters: number, minimum size, what happens to smaller ones, and the clustering method."""

    n_clusters: int
    min_cluster_size: int  # minimum number of users in a cluster
    policy: Literal["fill", "dissolve"] = "fill"  # for clusters below it; dissolving leaves fewer than n_clusters
    method: str = KMEANS  # a key of `methods.CLUSTERING_METHODS`


class Fit(NamedTuple):
    """A clustering: the label of each user, its cosine similarity to the centre, and the centres."""

    labels: Labels  # (n_users,), rows of centres
    similarity: Vectors  # (n_users,), cosine of the user to the centre of its cluster
    centres: Vectors  # (k, d), unit length: the normalised mean of the cluster's users

    def mean_similarity(self) -> float:
        """Return the mean cosine similarity of users to their centres; the higher, the better the fit."""
        return float(self.similarity.mean(dtype=np.float64))


def lloyd_iterations(
    vectors: Vectors,
    centres: Vectors,
    spec: ClusterSpec,
    *,
    max_iterations: int,
    on_iteration: Callable[[int], None] = lambda _: None,
) -> Fit:
    """Repeat until convergence: assign users to nearest centres, enforce the minimum size, recompute the centres.

    Converged means that the mean similarity increased by less than `TOLERANCE`.

    Args:
        vectors: `(n_users, d)`, of any norm up to 1.
        centres: `(k, d)`, unit length, the initial centres.
        spec: Minimum size of clusters, and the policy for smaller ones; `n_clusters` is ignored.
        max_iterations: Maximum number of iterations.
        on_iteration: Called with 1 after each iteration.

    Returns:
        A fit whose clusters are not numbered by size.
    """
    labels, previous_mean = np.empty(0, np.int32), -np.inf
    for _ in range(max_iterations):
        nearest = assign_nearest(vectors, centres)
        centres, labels = enforce_min_size(vectors, centres, nearest.labels, spec)
        is_changed = labels is not nearest.labels
        similarity = similarity_to_own_centre(vectors, labels, centres) if is_changed else nearest.similarity
        mean = float(similarity.mean(dtype=np.float64))
        centres = compute_centres(vectors, labels, fallback=centres)
        on_iteration(1)
        if mean - previous_mean < TOLERANCE:
            break
        previous_mean = mean
    return Fit(labels, similarity_to_own_centre(vectors, labels, centres), centres)


def enforce_min_size(vectors: Vectors, centres: Vectors, labels: Labels, spec: ClusterSpec) -> tuple[Vectors, Labels]:
    """Fill or dissolve the clusters below the minimum size, as `spec.policy` says; return centres and labels.

    Filling returns the same centres. `labels` are returned as the same array if no cluster was too small.
    """
    min_size = spec.min_cluster_size
    if spec.policy == "dissolve":
        return dissolve_small_clusters(vectors, centres, labels, min_cluster_size=min_size)
    return centres, fill_small_clusters(vectors, centres, labels, min_cluster_size=min_size)
