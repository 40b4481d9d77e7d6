"""Improve a fit by swaps: two clusters become one, and another two, which moving centres alone cannot do."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.assets.clusters.assign import Labels, Vectors, sum_by_cluster
from persona_assets.assets.clusters.lloyd import ClusterSpec, Fit, lloyd_iterations

Amounts = npt.NDArray[np.float64]

# Rounds after a swap: most of those that gain show it in a few.
ROUNDS = 8
# Swaps tried before clusters are cut in two anew, in other ways.
SWAPS_OF_A_CUT = 8
# How far what is tried strays from what promises most: the deviation of a factor's logarithm. Twice as far makes
# no difference on our data.
STRAY = 0.5
# Rounds that look for the direction in which a cluster spreads, and that cut it there.
CUT_ROUNDS = 3


class _Halves(NamedTuple):
    """Every cluster cut in two."""

    gain: Amounts  # (k,) similarity that its users gain together
    one: Vectors  # (k, d) centres
    other: Vectors  # (k, d)


def swap_clusters(vectors: Vectors, fit: Fit, sizes: ClusterSpec, rng: np.random.Generator, *, swaps: int) -> Fit:
    """Return the fit after as many tried swaps as asked for, each kept if mean similarity gains.

    A swap merges the two clusters that lose least and cuts the one that gains most, strayed from at random, and
    moves all centres. Where k-means stands still with one centre between two groups and two in another, this is
    the way out (random swap clustering: Fränti, Efficiency of random swap clustering, 2018, which draws both).

    Args:
        vectors: `(n_users, d)`, those of the fit.
        fit: Clusters of at least one user each.
        sizes: Least size of clusters, and what becomes of smaller ones.
        rng: Of what is tried.
        swaps: How many are tried.
    """
    tried = 0
    while tried < swaps and len(fit.centres) > 2:  # noqa: PLR2004 - two are merged and a third is cut
        sums = sum_by_cluster(vectors, fit.labels, len(fit.centres))
        losses, halves = _merging_losses(sums), _cut_clusters(vectors, fit.labels, sums, rng)
        for merged, into, cut in _draw_swaps(losses, halves.gain, rng)[: swaps - tried]:
            tried += 1
            centres = fit.centres.copy()
            centres[into] = _unit(sums[[into]] + sums[[merged]])[0]
            centres[merged], centres[cut] = halves.one[cut], halves.other[cut]
            moved = lloyd_iterations(vectors, centres, sizes, most_rounds=ROUNDS)
            if moved.mean_similarity() > fit.mean_similarity():
                fit = moved
                break
    return fit


def _draw_swaps(losses: Amounts, gains: Amounts, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Return triples of clusters, the first to merge with the second, the third to be cut, none twice."""
    drawn: list[tuple[int, int, int]] = []
    for _ in range(SWAPS_OF_A_CUT):
        merged, into = divmod(int((losses * _stray(losses.shape, rng)).argmin()), len(losses))
        promising = gains * _stray(gains.shape, rng)
        promising[[merged, into]] = -np.inf
        drawn.append((merged, into, int(promising.argmax())))
    return list(dict.fromkeys(drawn))


def _stray(shape: tuple[int, ...], rng: np.random.Generator) -> Amounts:
    return np.exp(STRAY * rng.standard_normal(shape))


def _merging_losses(sums: Vectors) -> Amounts:
    """Return the similarity that the users of each two clusters lose together when they become one, `(k, k)`.

    The similarity of users to the mean of their cluster adds up to the length of their sum.
    """
    products = sums.astype(np.float64) @ sums.T
    squares = np.diag(products)
    together = np.sqrt(np.maximum(squares[:, None] + squares + 2 * products, 0))
    losses = np.sqrt(squares)[:, None] + np.sqrt(squares) - together
    np.fill_diagonal(losses, np.inf)
    return losses


def _cut_clusters(vectors: Vectors, labels: Labels, sums: Vectors, rng: np.random.Generator) -> _Halves:
    """Cut each cluster across a direction in which it spreads, found by power iteration from a random one."""
    k = len(sums)
    means: Vectors = sums / np.maximum(np.bincount(labels, minlength=k), 1)[:, None].astype(np.float32)
    direction = rng.standard_normal(sums.shape).astype(np.float32)
    for _ in range(CUT_ROUNDS):
        weights = _along(vectors, direction, labels) - _along(means, direction, np.arange(k))[labels]
        total = np.bincount(labels, weights, k)[:, None]
        weighted = sum_by_cluster(np.multiply(vectors, weights[:, None], dtype=np.float32), labels, k)
        direction = _unit((weighted - means * total).astype(np.float32))
    side = _along(vectors, direction, labels) > _along(means, direction, np.arange(k))[labels]
    for _ in range(CUT_ROUNDS):
        centres = _unit(sum_by_cluster(vectors, 2 * labels + side, 2 * k))
        side = _along(vectors, centres[1::2] - centres[::2], labels) > 0
    halves = sum_by_cluster(vectors, 2 * labels + side, 2 * k)
    lengths = np.linalg.norm(halves, axis=1).astype(np.float64)
    centres = _unit(halves)
    return _Halves(lengths[::2] + lengths[1::2] - np.linalg.norm(sums, axis=1), centres[::2], centres[1::2])


def _along(rows: Vectors, directions: Vectors, which: npt.NDArray[np.integer]) -> Vectors:
    """Return the product of each row and the direction of its cluster."""
    return np.einsum("ij,ij->i", rows, directions[which])


def _unit(rows: Vectors) -> Vectors:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
