"""Fit a hierarchy of clusters: levels from coarse to fine, in which each finer cluster lies in one coarser cluster."""

from typing import NamedTuple

import numpy as np

from persona_assets.assets.clusters.fit import relabel_by_size
from persona_assets.assets.clusters.lloyd import ClusterSpec, Fit, lloyd_iterations
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.assets.clusters.min_size import fill_small_clusters
from persona_assets.assets.clusters.silhouette import measure_silhouette
from persona_assets.post_vectors.assign import (
    Int64Array,
    Labels,
    Vectors,
    assign_nearest,
    compute_centres,
    similarity_to_own_centre,
    single_threaded_blas,
    sum_by_cluster,
)

MAX_ITERATIONS = 100
# Groupings of clusters that are tried from random initial centres, beside the one from the coarser fit, and how many of
# the best are then compared by the exact silhouette of users.
RANDOM_GROUPINGS = 20
GROUPINGS_COMPARED_EXACTLY = 5


class Hierarchy(NamedTuple):
    """Nested clusters: the fit of the finest level, and the labels of users on each coarser level."""

    fit: Fit  # the finest clusters
    coarser: list[Labels]  # a (n_users,) array per level, coarsest first, numbered by descending number of users


def fit_hierarchy(vectors: Vectors, numbers: list[int], spec: ClusterSpec, *, seed: int) -> Hierarchy:
    """Fit nested clusters with `numbers` clusters per level: each finer cluster is part of one coarser cluster.

    Each level is first fitted on its own. The level with the highest mean silhouette is kept as it is. Its clusters are
    split into the finer levels and grouped into the coarser ones, so that the best level keeps its borders. If its
    clusters are too small to be split, all coarser levels are groups of the finest fit.

    Args:
        vectors: `(n_users, d)`, unit length, sorted by user id.
        numbers: Numbers of clusters, ascending. A level whose fit does not have fewer clusters than the finest one is
            left out.
        spec: Minimum size and method; `n_clusters` is ignored.
        seed: Seed of the fits.
    """
    fits = [fit_clusters(vectors, spec._replace(n_clusters=number), seed=seed) for number in numbers]
    n_finest = len(fits[-1].centres)
    fits = [fit for fit in fits[:-1] if len(fit.centres) < n_finest] + fits[-1:]
    if len(fits) == 1:
        return Hierarchy(fits[0], [])
    best = int(np.argmax([_mean_silhouette(vectors, fit.labels) for fit in fits]))
    levels = _split_into_finer_levels(vectors, fits[best:], spec, seed=seed)
    if levels is None:
        best, levels = len(fits) - 1, [fits[-1].labels]
    for fit in fits[best - 1 :: -1] if best else []:
        groups = group_clusters(vectors, levels[0], fit.centres, seed=seed)
        levels.insert(0, groups[levels[0]])
    centres = compute_centres(vectors, levels[-1], fallback=np.zeros((n_finest, vectors.shape[1]), np.float32))
    similarity = similarity_to_own_centre(vectors, levels[-1], centres)
    return Hierarchy(relabel_by_size(Fit(levels[-1], similarity, centres)), levels[:-1])


def _split_into_finer_levels(vectors: Vectors, fits: list[Fit], spec: ClusterSpec, *, seed: int) -> list[Labels] | None:
    """Return the labels of the first fit, then those of each finer level, made by splitting the level before.

    None if a level cannot be split into as many clusters as its fit has.
    """
    levels = [fits[0].labels]
    for fit in fits[1:]:
        finer = split_clusters(vectors, levels[-1], fit, spec, seed=seed)
        if finer is None:
            return None
        levels.append(finer)
    return levels


def split_clusters(vectors: Vectors, labels: Labels, finer_fit: Fit, spec: ClusterSpec, *, seed: int) -> Labels | None:
    """Split clusters until they are as many as in `finer_fit`; return labels by descending size, None if impossible.

    Each cluster is split in two ways: by a fit to its users alone, and by Lloyd iterations from the centres of
    `finer_fit` in it. The way with the higher mean silhouette over all users is returned.

    Args:
        vectors: `(n_users, d)`, unit length, sorted by user id.
        labels: Cluster of each user.
        finer_fit: A fit with more clusters. A cluster is split into as many as have most of their users in it.
        spec: Minimum size and method; `n_clusters` is ignored.
        seed: Seed of the fits.

    Returns:
        `(n_users,)`; None if the clusters are too small for the minimum size, or dissolving left fewer.
    """
    parents = _find_parents(labels, finer_fit.labels)
    numbers = _allocate_subclusters(vectors, labels, parents, spec.min_cluster_size)
    if numbers is None:
        return None
    refitted, refined = labels.copy(), labels.copy()
    k_refitted = k_refined = 0
    for cluster, number in enumerate(numbers.tolist()):
        users = np.flatnonzero(labels == cluster)
        refit = fit_clusters(vectors[users], spec._replace(n_clusters=number), seed=seed)
        centres = finer_fit.centres[parents == cluster]
        refinement = _iterate_from(vectors[users], centres, spec) if len(centres) == number else refit
        refitted[users], refined[users] = k_refitted + refit.labels, k_refined + refinement.labels
        k_refitted, k_refined = k_refitted + len(refit.centres), k_refined + len(refinement.centres)
    # Dissolving small clusters can leave fewer than asked for.
    k_finer = len(finer_fit.centres)
    complete = [finer for finer, k in ((refitted, k_refitted), (refined, k_refined)) if k == k_finer]
    if not complete:
        return None
    finer = max(complete, key=lambda finer: _mean_silhouette(vectors, finer))
    return _relabel_by_users(np.arange(k_finer, dtype=np.int32), users=np.bincount(finer))[finer]


def _iterate_from(vectors: Vectors, centres: Vectors, spec: ClusterSpec) -> Fit:
    with single_threaded_blas():
        return lloyd_iterations(vectors, centres, spec, max_iterations=MAX_ITERATIONS)


def _mean_silhouette(vectors: Vectors, labels: Labels) -> float:
    return float(measure_silhouette(vectors, labels).mean(dtype=np.float64))


def _find_parents(coarse: Labels, fine: Labels) -> Int64Array:
    """Return for each finer cluster the coarser cluster that has most of its users, `(k_fine,)`."""
    k_coarse, k_fine = int(coarse.max()) + 1, int(fine.max()) + 1
    shared = np.bincount(fine.astype(np.int64) * k_coarse + coarse, minlength=k_fine * k_coarse)
    return shared.reshape(k_fine, k_coarse).argmax(axis=1)


def _allocate_subclusters(
    vectors: Vectors, labels: Labels, parents: Int64Array, min_cluster_size: int
) -> Int64Array | None:
    """Return into how many finer clusters each cluster is split, `(k,)`, at least 1 each; None if users are too few.

    A cluster first gets the number of finer clusters whose parent it is. The minimum size may rule that out: then
    clusters are added where users vary most per cluster, or removed where they vary least.
    """
    users = np.bincount(labels)
    n_finer, max_numbers = len(parents), users // min_cluster_size
    if max_numbers.sum() < n_finer:
        return None
    numbers = np.clip(np.bincount(parents, minlength=len(users)), 1, max_numbers)
    inertia = users - np.linalg.norm(sum_by_cluster(vectors, labels, len(users)), axis=1)
    while numbers.sum() < n_finer:
        numbers[np.where(numbers < max_numbers, inertia / (numbers * (numbers + 1)), -1).argmax()] += 1
    while numbers.sum() > n_finer:
        numbers[np.where(numbers > 1, inertia / np.maximum(numbers * (numbers - 1), 1), np.inf).argmin()] -= 1
    return numbers


def group_clusters(vectors: Vectors, labels: Labels, centres: Vectors, *, seed: int) -> Labels:
    """Group whole clusters by k-means of their means, started at `centres`; return the group of each, `(k,)`.

    The groups are found by k-means over the means of the clusters, weighted by users. One run starts from `centres`,
    `RANDOM_GROUPINGS` more start from clusters drawn at random. Of the best few by the silhouette of cluster means, the
    one with the highest mean silhouette of users is returned, numbered by descending number of users.

    Args:
        vectors: `(n_users, d)`, unit length, sorted by user id.
        labels: Cluster of each user, numbered from 0.
        centres: `(n_groups, d)`, unit length, of a coarser fit.
        seed: Seed of the random draws.
    """
    rng = np.random.default_rng(seed)
    users = np.bincount(labels).astype(np.int64)
    with single_threaded_blas():
        sums = sum_by_cluster(vectors, labels, len(users))
        means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        drawn = (means[rng.choice(len(means), len(centres), replace=False)] for _ in range(RANDOM_GROUPINGS))
        groupings = [_kmeans_of_clusters(sums, means, initial) for initial in (centres, *drawn)]
        groupings.sort(key=lambda groups: -_silhouette_of_means(sums, users, groups))
    relabelled = (_relabel_by_users(groups, users=users) for groups in groupings)
    distinct = [*{groups.tobytes(): groups for groups in relabelled}.values()]
    return max(distinct[:GROUPINGS_COMPARED_EXACTLY], key=lambda groups: _mean_silhouette(vectors, groups[labels]))


def _kmeans_of_clusters(sums: Vectors, means: Vectors, centres: Vectors) -> Labels:
    """Return the group of each cluster after k-means, in which all users of a cluster stay together."""
    groups = _assign_clusters(means, centres)
    for _ in range(MAX_ITERATIONS):
        centres = compute_centres(sums, groups, fallback=centres)
        moved = _assign_clusters(means, centres)
        if np.array_equal(moved, groups):
            break
        groups = moved
    return groups


def _assign_clusters(means: Vectors, centres: Vectors) -> Labels:
    """Return the nearest centre of each cluster, adjusted so that every centre has a cluster."""
    nearest = assign_nearest(means, centres).labels
    return fill_small_clusters(means, centres, nearest, min_cluster_size=1)


def _silhouette_of_means(sums: Vectors, users: Int64Array, groups: Labels) -> float:
    """Return the mean silhouette as if all users of a cluster were at its mean; 0 for a single group."""
    if not groups.any():
        return 0.0
    means_of_groups = sum_by_cluster(sums, groups, int(groups.max()) + 1) / np.bincount(groups, users)[:, None]
    distance = 1 - (sums / users[:, None]) @ means_of_groups.T
    rows = np.arange(len(groups))
    own = distance[rows, groups]
    distance[rows, groups] = np.inf
    other = distance.min(axis=1)
    return float(
        np.average((other - own) / np.maximum(np.maximum(own, other), np.finfo(np.float32).tiny), weights=users)
    )


def _relabel_by_users(groups: Labels, *, users: Int64Array) -> Labels:
    """Number groups by descending number of users; equal ones by their first cluster."""
    found, first = np.unique(groups, return_index=True)
    order = found[np.lexsort((first, -np.bincount(groups, users)[found]))]
    new_label = np.empty(len(found), np.int32)
    new_label[order] = np.arange(len(order), dtype=np.int32)
    return new_label[groups]
