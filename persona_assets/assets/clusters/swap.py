"""Improve a k-means fit by swaps: merge two clusters and split a third, which Lloyd iterations cannot do."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.assets.clusters.lloyd import ClusterSpec, Fit, lloyd_iterations
from persona_assets.common.progress import phase
from persona_assets.post_vectors.assign import Float64Array, Labels, Vectors, sum_by_cluster

# Maximum Lloyd iterations after a swap: most swaps that improve the fit show it within a few.
ITERATIONS_PER_SWAP = 8
# Swaps tried before the clusters are split anew, along other random directions.
SWAPS_PER_SPLIT = 8
# The expected gains and losses are multiplied by log-normal noise, so that swaps differ: the standard deviation of the
# logarithm. Twice as much makes no difference on our data.
NOISE_SCALE = 0.5
# Power iterations that find the direction of largest variance in a cluster, and then k-means iterations on its halves.
SPLIT_ITERATIONS = 3


class _Halves(NamedTuple):
    """Each cluster split in two."""

    gain: Float64Array  # (k,), by how much the summed similarity of its users increases
    first_centres: Vectors  # (k, d), unit length
    second_centres: Vectors  # (k, d), unit length


def improve_by_swaps(vectors: Vectors, fit: Fit, spec: ClusterSpec, rng: np.random.Generator, *, n_swaps: int) -> Fit:
    """Try `n_swaps` times to merge two clusters and split a third; keep what increases the mean similarity.

    A swap merges the two clusters with the smallest loss and splits the cluster with the largest gain, both after
    random noise. Lloyd iterations follow. Swaps get k-means out of local optima in which one centre covers two groups
    and two centres share another group (Fränti, Efficiency of random swap clustering, 2018, which draws both at
    random).

    Args:
        vectors: `(n_users, d)`, those of the fit.
        fit: Clusters of at least one user each.
        spec: Minimum size of clusters, and the policy for smaller ones.
        rng: Draws the noise and the directions of splits.
        n_swaps: Number of swaps to try.
    """
    tried = 0
    with phase("improving by swaps", what="swaps", total=n_swaps) as swaps:
        while tried < n_swaps and len(fit.centres) > 2:  # noqa: PLR2004 - two are merged and a third is split
            sums = sum_by_cluster(vectors, fit.labels, len(fit.centres))
            losses, halves = _losses_of_merging(sums), _split_each_cluster(vectors, fit.labels, sums, rng)
            for merged, into, split in _draw_swaps(losses, halves.gain, rng)[: n_swaps - tried]:
                tried += 1
                swaps.add(1)
                centres = fit.centres.copy()
                centres[into] = _to_unit_length(sums[[into]] + sums[[merged]])[0]
                centres[merged], centres[split] = halves.first_centres[split], halves.second_centres[split]
                swapped = lloyd_iterations(vectors, centres, spec, max_iterations=ITERATIONS_PER_SWAP)
                if swapped.mean_similarity() > fit.mean_similarity():
                    fit = swapped
                    break
    return fit


def _draw_swaps(losses: Float64Array, gains: Float64Array, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Return distinct triples of clusters: the first is merged into the second, and the third is split."""
    drawn: list[tuple[int, int, int]] = []
    for _ in range(SWAPS_PER_SPLIT):
        merged, into = divmod(int((losses * _draw_noise(losses.shape, rng)).argmin()), len(losses))
        noisy_gains = gains * _draw_noise(gains.shape, rng)
        noisy_gains[[merged, into]] = -np.inf
        drawn.append((merged, into, int(noisy_gains.argmax())))
    return list(dict.fromkeys(drawn))


def _draw_noise(shape: tuple[int, ...], rng: np.random.Generator) -> Float64Array:
    return np.exp(NOISE_SCALE * rng.standard_normal(shape))


def _losses_of_merging(sums: Vectors) -> Float64Array:
    """Return the summed similarity that users lose if two clusters are merged, `(k, k)`; infinite on the diagonal.

    The summed similarity of users to the mean of their cluster equals the norm of their summed vectors.
    """
    products = sums.astype(np.float64) @ sums.T
    squared_norms = np.diag(products)
    merged_norms = np.sqrt(np.maximum(squared_norms[:, None] + squared_norms + 2 * products, 0))
    losses = np.sqrt(squared_norms)[:, None] + np.sqrt(squared_norms) - merged_norms
    np.fill_diagonal(losses, np.inf)
    return losses


def _split_each_cluster(vectors: Vectors, labels: Labels, sums: Vectors, rng: np.random.Generator) -> _Halves:
    """Split each cluster across a direction of large variance, found by power iteration from a random direction."""
    k = len(sums)
    means: Vectors = sums / np.maximum(np.bincount(labels, minlength=k), 1)[:, None].astype(np.float32)
    directions = rng.standard_normal(sums.shape).astype(np.float32)
    for _ in range(SPLIT_ITERATIONS):
        weights = _dot_by_cluster(vectors, directions, labels)
        weights -= _dot_by_cluster(means, directions, np.arange(k))[labels]
        total = np.bincount(labels, weights, k)[:, None]
        weighted = sum_by_cluster(np.multiply(vectors, weights[:, None], dtype=np.float32), labels, k)
        directions = _to_unit_length((weighted - means * total).astype(np.float32))
    is_second = _dot_by_cluster(vectors, directions, labels) > _dot_by_cluster(means, directions, np.arange(k))[labels]
    for _ in range(SPLIT_ITERATIONS):
        centres = _to_unit_length(sum_by_cluster(vectors, 2 * labels + is_second, 2 * k))
        is_second = _dot_by_cluster(vectors, centres[1::2] - centres[::2], labels) > 0
    sums_of_halves = sum_by_cluster(vectors, 2 * labels + is_second, 2 * k)
    norms = np.linalg.norm(sums_of_halves, axis=1).astype(np.float64)
    centres = _to_unit_length(sums_of_halves)
    return _Halves(norms[::2] + norms[1::2] - np.linalg.norm(sums, axis=1), centres[::2], centres[1::2])


def _dot_by_cluster(rows: Vectors, directions: Vectors, clusters: npt.NDArray[np.integer]) -> Vectors:
    """Return the dot product of each row and the direction of its cluster, `(len(rows),)`."""
    return np.einsum("ij,ij->i", rows, directions[clusters])


def _to_unit_length(rows: Vectors) -> Vectors:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
