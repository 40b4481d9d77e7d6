"""Compute the silhouette of each user without all pairs of users."""

import numpy as np

from persona_assets.post_vectors.assign import Labels, Vectors, map_blocks, single_threaded_blas, sum_by_cluster


def measure_silhouette(vectors: Vectors, labels: Labels) -> Vectors:
    """Return the silhouette of each user by cosine distance (Rousseeuw, 1987), `(n_users,)`, -1 to 1.

    The values are exact. For unit vectors, the mean cosine distance to the users of a cluster equals the distance to
    their mean, so that the cost is O(n * k * d) and no sample of pairs is needed. The silhouette is 0 for the only user
    of a cluster, and for all users if there is one cluster.

    Args:
        vectors: `(n_users, d)`, unit length.
        labels: Cluster of each user, 0 to k - 1, no cluster empty.
    """
    sizes = np.bincount(labels)
    if len(sizes) == 1:
        return np.zeros(len(labels), np.float32)
    sums = sum_by_cluster(vectors, labels, len(sizes))
    means = sums / sizes[:, None].astype(np.float32)

    def silhouette_of_block(block: slice) -> Vectors:
        own = labels[block]
        distance = 1 - vectors[block] @ means.T
        rows = np.arange(len(own))
        # The mean over the own cluster includes the user's distance to itself, which is 0.
        within = distance[rows, own] * sizes[own] / np.maximum(sizes[own] - 1, 1)
        distance[rows, own] = np.inf
        to_nearest_other = distance.min(axis=1)
        larger = np.maximum(np.maximum(within, to_nearest_other), np.finfo(np.float32).tiny)
        return np.where(sizes[own] > 1, (to_nearest_other - within) / larger, 0).astype(np.float32)

    with single_threaded_blas():
        return np.concatenate(list(map_blocks(len(vectors), silhouette_of_block)))
