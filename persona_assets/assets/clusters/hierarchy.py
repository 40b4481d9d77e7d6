"""Levels of clusters, from coarse to fine, so that each finer cluster lies in one coarser."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.assets.clusters.assign import (
    Labels,
    Vectors,
    assign_nearest,
    average_centres,
    own_similarity,
    single_threaded_blas,
    sum_by_cluster,
)
from persona_assets.assets.clusters.fit import number_clusters
from persona_assets.assets.clusters.lloyd import ClusterSpec, Fit, lloyd_iterations
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.assets.clusters.min_size import fill_small_clusters
from persona_assets.assets.clusters.silhouette import measure_silhouette

MOST_ROUNDS = 100
# Groupings of clusters that are compared, each from other first centres, and how many of them user by user.
GROUPINGS = 20
GROUPINGS_OF_USERS = 5

Amounts = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


class Levels(NamedTuple):
    """The finest clusters, and the coarser ones that they lie in."""

    fit: Fit
    coarser: list[Labels]  # of each user, coarsest first, each level numbered by users


def fit_levels(vectors: Vectors, numbers: list[int], sizes: ClusterSpec, *, seed: int) -> Levels:
    """Return nested levels of these numbers of clusters, each parting users about as well as a fit of its own.

    Each level is fitted on its own. The one whose clusters part users best (by silhouette) is kept as it is: its
    clusters are cut into the finer ones and grouped into the coarser ones, so that no border of the best level is
    lost. Where its clusters are too small to be cut into as many, all levels are groups of the finest.

    Args:
        vectors: `(n_users, d)`, unit length, in order of user id.
        numbers: Rising; a level that has not more clusters than a coarser one is left out.
        sizes: Least size of clusters, and what becomes of smaller ones; its number is not looked at.
        seed: Of the fits.
    """
    fits = [fit_clusters(vectors, sizes._replace(n_clusters=number), seed=seed) for number in numbers]
    finest = len(fits[-1].centres)
    fits = [fit for fit in fits[:-1] if len(fit.centres) < finest] + fits[-1:]
    if len(fits) == 1:
        return Levels(fits[0], [])
    best = int(np.argmax([_mean_silhouette(vectors, fit.labels) for fit in fits]))
    levels = _cut_into_finer(vectors, fits[best:], sizes, seed=seed)
    if levels is None:
        best, levels = len(fits) - 1, [fits[-1].labels]
    for fit in fits[best - 1 :: -1] if best else []:
        groups = group_clusters(vectors, levels[0], fit.centres, seed=seed)
        levels.insert(0, groups[levels[0]])
    centres = average_centres(vectors, levels[-1], before=np.zeros((finest, vectors.shape[1]), np.float32))
    similarity = own_similarity(vectors, levels[-1], centres)
    return Levels(number_clusters(Fit(levels[-1], similarity, centres)), levels[:-1])


def _cut_into_finer(vectors: Vectors, fits: list[Fit], sizes: ClusterSpec, *, seed: int) -> list[Labels] | None:
    """Return the first fit's labels, and those of each finer level cut from the one before; None if that cannot be."""
    levels = [fits[0].labels]
    for fit in fits[1:]:
        finer = cut_clusters(vectors, levels[-1], fit, sizes, seed=seed)
        if finer is None:
            return None
        levels.append(finer)
    return levels


def cut_clusters(vectors: Vectors, labels: Labels, like: Fit, sizes: ClusterSpec, *, seed: int) -> Labels | None:
    """Return finer clusters, each in one of the clusters given, numbered by users; None where those are too small.

    Each cluster is fitted on its own, and also cut as the finer fit cuts it: what parts users better is taken.

    Args:
        vectors: `(n_users, d)`, unit length, in order of user id.
        labels: Cluster of each user.
        like: A finer fit of its own: a cluster is cut into as many as mostly lie in it.
        sizes: Least size of clusters, and what becomes of smaller ones; its number is not looked at.
        seed: Of the fits.
    """
    parents = _find_parents(labels, like.labels)
    numbers = _share_out(vectors, labels, parents, sizes.min_cluster_size)
    if numbers is None:
        return None
    fitted, kept = labels.copy(), labels.copy()
    k_fitted = k_kept = 0
    for cluster, number in enumerate(numbers.tolist()):
        users = np.flatnonzero(labels == cluster)
        fit = fit_clusters(vectors[users], sizes._replace(n_clusters=number), seed=seed)
        centres = like.centres[parents == cluster]
        near = _move_from(vectors[users], centres, sizes) if len(centres) == number else fit
        fitted[users], kept[users] = k_fitted + fit.labels, k_kept + near.labels
        k_fitted, k_kept = k_fitted + len(fit.centres), k_kept + len(near.centres)
    # Dissolving can leave fewer.
    enough = [finer for finer, k in ((fitted, k_fitted), (kept, k_kept)) if k == len(like.centres)]
    if not enough:
        return None
    finer = max(enough, key=lambda finer: _mean_silhouette(vectors, finer))
    return _number(np.arange(len(like.centres), dtype=np.int32), users=np.bincount(finer))[finer]


def _move_from(vectors: Vectors, centres: Vectors, sizes: ClusterSpec) -> Fit:
    with single_threaded_blas():
        return lloyd_iterations(vectors, centres, sizes, most_rounds=MOST_ROUNDS)


def _mean_silhouette(vectors: Vectors, labels: Labels) -> float:
    """Return the mean silhouette."""
    return float(measure_silhouette(vectors, labels).mean(dtype=np.float64))


def _find_parents(coarse: Labels, fine: Labels) -> Counts:
    """Return for each finer cluster the coarser one that most of its users are in."""
    k_coarse, k_fine = int(coarse.max()) + 1, int(fine.max()) + 1
    shared = np.bincount(fine.astype(np.int64) * k_coarse + coarse, minlength=k_fine * k_coarse)
    return shared.reshape(k_fine, k_coarse).argmax(axis=1)


def _share_out(vectors: Vectors, labels: Labels, parents: Counts, least: int) -> Counts | None:
    """Return into how many finer clusters each cluster is cut: those whose parent it is, one at least.

    What is then missing or too much goes where users spread most, or least, for their clusters.
    """
    users = np.bincount(labels)
    wanted, most = len(parents), users // least
    if most.sum() < wanted:
        return None
    numbers = np.clip(np.bincount(parents, minlength=len(users)), 1, most)
    spread = users - np.linalg.norm(sum_by_cluster(vectors, labels, len(users)), axis=1)
    while numbers.sum() < wanted:
        numbers[np.where(numbers < most, spread / (numbers * (numbers + 1)), -1).argmax()] += 1
    while numbers.sum() > wanted:
        numbers[np.where(numbers > 1, spread / np.maximum(numbers * (numbers - 1), 1), np.inf).argmin()] -= 1
    return numbers


def group_clusters(vectors: Vectors, labels: Labels, centres: Vectors, *, seed: int) -> Labels:
    """Return the group of each cluster, `(k,)`, numbered by users, the largest 0.

    Each cluster joins the centre nearest its mean, and centres and clusters move in turn: k-means over the users
    with the clusters kept whole. Of groupings from these centres and from clusters drawn, that with the best
    silhouette is kept, of the best few as measured between clusters.

    Args:
        vectors: `(n_users, d)`, unit length, in order of user id.
        labels: Finer cluster of each user, numbered from 0.
        centres: `(n_groups, d)`, unit length, of a coarser fit of its own.
        seed: Of the clusters drawn.
    """
    rng = np.random.default_rng(seed)
    users = np.bincount(labels).astype(np.int64)
    with single_threaded_blas():
        sums = sum_by_cluster(vectors, labels, len(users))
        means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        drawn = (means[rng.choice(len(means), len(centres), replace=False)] for _ in range(GROUPINGS))
        groupings = [_move_groups(sums, means, first) for first in (centres, *drawn)]
        groupings.sort(key=lambda groups: -_measure_parting(sums, users, groups))
    numbered = {groups.tobytes(): groups for groups in (_number(groups, users=users) for groups in groupings)}
    return max([*numbered.values()][:GROUPINGS_OF_USERS], key=lambda groups: _mean_silhouette(vectors, groups[labels]))


def _move_groups(sums: Vectors, means: Vectors, centres: Vectors) -> Labels:
    groups = _group(means, centres)
    for _ in range(MOST_ROUNDS):
        centres = average_centres(sums, groups, before=centres)
        moved = _group(means, centres)
        if np.array_equal(moved, groups):
            break
        groups = moved
    return groups


def _group(means: Vectors, centres: Vectors) -> Labels:
    """Return the nearest centre of each cluster, no centre without a cluster."""
    nearest = assign_nearest(means, centres).labels
    return fill_small_clusters(means, centres, nearest, min_cluster_size=1)


def _measure_parting(sums: Vectors, users: Counts, groups: Labels) -> float:
    """Return the mean silhouette of users, as if all users of a cluster were at their mean; of one group 0."""
    if not groups.any():
        return 0.0
    of_group = sum_by_cluster(sums, groups, int(groups.max()) + 1) / np.bincount(groups, users)[:, None]
    distance = 1 - (sums / users[:, None]) @ of_group.T
    rows = np.arange(len(groups))
    own = distance[rows, groups]
    distance[rows, groups] = np.inf
    other = distance.min(axis=1)
    return float(
        np.average((other - own) / np.maximum(np.maximum(own, other), np.finfo(np.float32).tiny), weights=users)
    )


def _number(groups: Labels, *, users: Counts) -> Labels:
    """Number groups by users; of as many users, first the one of the largest cluster."""
    found, first = np.unique(groups, return_index=True)
    order = found[np.lexsort((first, -np.bincount(groups, users)[found]))]
    number = np.empty(len(found), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return number[groups]
