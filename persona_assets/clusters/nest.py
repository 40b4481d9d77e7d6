"""Group clusters into fewer, coarser ones, so that each finer cluster lies in one coarser."""

import numpy as np

from persona_assets.clusters.assign import (
    Labels,
    Vectors,
    assign_nearest,
    average_centres,
    single_threaded_blas,
    sum_by_cluster,
)
from persona_assets.clusters.fit import fit_clusters
from persona_assets.clusters.min_size import fill_small_clusters
from persona_assets.clusters.move import Sizes

MOST_ROUNDS = 100


def group_clusters(vectors: Vectors, labels: Labels, sizes: Sizes, *, seed: int) -> Labels:
    """Return the group of each cluster, `(k,)`, numbered by users, the largest 0.

    The groups are those of a fit of their own to all users, as far as whole clusters allow: each cluster
    joins the centre nearest its mean, and centres and clusters move in turn. That is k-means over the users
    with the clusters kept whole.

    Args:
        vectors: `(n_users, d)`, unit length, in order of user id.
        labels: Finer cluster of each user, numbered from 0.
        sizes: Number of groups, less than there are clusters, and their least size.
        seed: Of the fit.
    """
    centres = fit_clusters(vectors, sizes, seed=seed).centres
    with single_threaded_blas():
        sums = sum_by_cluster(vectors, labels, int(labels.max()) + 1)
        means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        groups = _group(means, centres)
        for _ in range(MOST_ROUNDS):
            centres = average_centres(sums, groups, before=centres)
            moved = _group(means, centres)
            if np.array_equal(moved, groups):
                break
            groups = moved
    return _number(groups, users=np.bincount(labels).astype(np.int32))


def _group(means: Vectors, centres: Vectors) -> Labels:
    """Return the nearest centre of each cluster, no centre without a cluster."""
    nearest = assign_nearest(means, centres).labels
    return fill_small_clusters(means, centres, nearest, min_cluster_size=1)


def _number(groups: Labels, *, users: Labels) -> Labels:
    """Number groups by users; of as many users, first the one of the largest cluster."""
    found, first = np.unique(groups, return_index=True)
    order = found[np.lexsort((first, -np.bincount(groups, users)[found]))]
    number = np.empty(len(found), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return number[groups]
