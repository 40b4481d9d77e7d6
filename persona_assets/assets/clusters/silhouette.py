"""Measure how far each user is from its own cluster, against the next one."""

import numpy as np

from persona_assets.assets.clusters.assign import Labels, Vectors, over_blocks, single_threaded_blas, sum_by_cluster


def measure_silhouette(vectors: Vectors, labels: Labels) -> Vectors:
    """Return the silhouette (Rousseeuw, 1987) of each user by cosine distance: exact, `(n_users,)`, -1 to 1.

    The mean cosine distance to the users of a cluster is the distance to their mean, so that this costs
    O(n * k * d) and needs no sample of pairs. A user alone in its cluster has 0, and so have all users of
    a single cluster.

    Args:
        vectors: `(n_users, d)`, unit length.
        labels: Cluster of each user, 0 to k - 1, each with a user.
    """
    sizes = np.bincount(labels)
    if len(sizes) == 1:
        return np.zeros(len(labels), np.float32)
    sums = sum_by_cluster(vectors, labels, len(sizes))
    means = sums / sizes[:, None].astype(np.float32)

    def of_block(block: slice) -> Vectors:
        own = labels[block]
        distance = 1 - vectors[block] @ means.T
        rows = np.arange(len(own))
        # A cluster's mean distance counts the user's own distance to itself, which is 0.
        near = distance[rows, own] * sizes[own] / np.maximum(sizes[own] - 1, 1)
        distance[rows, own] = np.inf
        next_best = distance.min(axis=1)
        greatest = np.maximum(np.maximum(near, next_best), np.finfo(np.float32).tiny)
        return np.where(sizes[own] > 1, (next_best - near) / greatest, 0).astype(np.float32)

    with single_threaded_blas():
        return np.concatenate(list(over_blocks(len(vectors), of_block)))
