"""Choose the number of clusters by silhouette."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from persona_assets.clusters.assign import Vectors
from persona_assets.clusters.fit import fit_clusters, require_enough_users
from persona_assets.clusters.silhouette import measure_silhouette

# Numbers people choose, each some 1.2 to 1.6 times the one before; times 1, 10, 100, ...
LADDER = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)
BELOW_TEN = (2, 3, 4, 5, 6, 7, 8, 9)
# Silhouettes that differ by less than this are equal, and the smaller number wins.
TIE = 0.001
# The search looks at this many users at most, and fits each number this often.
SEARCH_USERS = 20_000
SEARCH_STARTS = 2


class Candidate(NamedTuple):
    """One number of clusters and how well it separates the users."""

    n_clusters: int
    silhouette: float


class Choice(NamedTuple):
    """The number chosen, and the curve that it was chosen from, in order of k."""

    n_clusters: int
    curve: list[Candidate]


def choose_n_clusters(
    vectors: Vectors, *, min_cluster_size: int, seed: int, note: Callable[[int], None] = lambda _: None
) -> Choice:
    """Return the number of clusters of greatest mean silhouette, of equals the smallest.

    Tries a ladder from 2 to what the users allow. With more than `SEARCH_USERS` users it looks at as many of
    them, drawn by `seed`, and clusters that are as small a share of these as they would be of all.

    Args:
        vectors: `(n_users, d)`, unit length, in order of user id.
        min_cluster_size: Fewest users of a cluster.
        seed: Of all draws.
        note: Called with 1 after each number tried.

    Raises:
        TooFewUsersError: Not even two clusters are possible.
    """
    require_enough_users(len(vectors), n_clusters=2, min_cluster_size=min_cluster_size)
    searched = _sample(vectors, seed)
    least = max(1, min_cluster_size * len(searched) // len(vectors))
    curve: list[Candidate] = []
    for n_clusters in ladder(min(len(vectors) // min_cluster_size, len(searched) // max(least, 2))):
        fit = fit_clusters(searched, n_clusters=n_clusters, min_cluster_size=least, seed=seed, starts=SEARCH_STARTS)
        mean = float(measure_silhouette(searched, fit.labels).mean(dtype=np.float64))
        curve.append(Candidate(n_clusters, mean))
        note(1)
    greatest = max(candidate.silhouette for candidate in curve)
    return Choice(next(c.n_clusters for c in curve if c.silhouette > greatest - TIE), curve)


def ladder(most: int) -> list[int]:
    """Return the numbers to try from 2 to `most`: each to 10, then ten numbers a power of ten."""
    rungs = [*BELOW_TEN]
    scale = 1
    while scale * LADDER[0] <= most:
        rungs += [scale * rung for rung in LADDER]
        scale *= 10
    return [rung for rung in rungs if rung <= most]


def _sample(vectors: Vectors, seed: int) -> Vectors:
    if len(vectors) <= SEARCH_USERS:
        return vectors
    chosen = np.random.default_rng(seed).choice(len(vectors), SEARCH_USERS, replace=False)
    return vectors[np.sort(chosen)]
