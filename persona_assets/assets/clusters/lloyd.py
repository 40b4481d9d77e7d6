"""Move centres: the rounds of spherical k-means with a least size."""

from typing import Literal, NamedTuple

import numpy as np

from persona_assets.assets.clusters.assign import Labels, Vectors, assign_nearest, average_centres, own_similarity
from persona_assets.assets.clusters.min_size import dissolve_small_clusters, fill_small_clusters

MOST_ROUNDS = 300
# Rounds end when the mean similarity gains less than this.
LEAST_GAIN = 1e-5


KMEANS = "kmeans"


class ClusterSpec(NamedTuple):
    """How many clusters, and what becomes of small ones."""

    n_clusters: int
    min_cluster_size: int  # fewest users of a cluster
    policy: Literal["fill", "dissolve"] = "fill"  # dissolving leaves fewer clusters than n_clusters
    method: str = KMEANS  # a name in `methods.CLUSTERING_METHODS`


class Fit(NamedTuple):
    """Clusters numbered by size, the largest 0; of equal size, first the one with the first user."""

    labels: Labels  # (n_users,)
    similarity: Vectors  # (n_users,) cosine of the user and the centre of its cluster
    centres: Vectors  # (k, d), unit length: the normalised mean of the cluster's users

    def mean_similarity(self) -> float:
        """Return what fits are judged by."""
        return float(self.similarity.mean(dtype=np.float64))


def lloyd_iterations(vectors: Vectors, centres: Vectors, sizes: ClusterSpec, *, most_rounds: int) -> Fit:
    """Assign, mend small clusters and average in turn until that gains nothing, `most_rounds` times at most.

    Args:
        vectors: `(n_users, d)`, as long as may be.
        centres: `(k, d)`, unit length.
        sizes: Least size of clusters, and what becomes of smaller ones; its number is not looked at.
        most_rounds: Rounds.

    Returns:
        Clusters as they come, not numbered by size.
    """
    labels, before = np.empty(0, np.int32), -np.inf
    for _ in range(most_rounds):
        nearest = assign_nearest(vectors, centres)
        centres, labels = enforce_min_size(vectors, centres, nearest.labels, sizes)
        mended = labels is not nearest.labels
        similarity = own_similarity(vectors, labels, centres) if mended else nearest.similarity
        mean = float(similarity.mean(dtype=np.float64))
        centres = average_centres(vectors, labels, before=centres)
        if mean - before < LEAST_GAIN:
            break
        before = mean
    return Fit(labels, own_similarity(vectors, labels, centres), centres)


def enforce_min_size(vectors: Vectors, centres: Vectors, labels: Labels, sizes: ClusterSpec) -> tuple[Vectors, Labels]:
    """Return centres and labels in which no cluster is below the minimum size, by the policy of `sizes`."""
    least = sizes.min_cluster_size
    if sizes.policy == "dissolve":
        return dissolve_small_clusters(vectors, centres, labels, min_cluster_size=least)
    return centres, fill_small_clusters(vectors, centres, labels, min_cluster_size=least)
