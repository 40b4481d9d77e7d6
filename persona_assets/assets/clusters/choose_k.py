"""Choose the number of clusters by silhouette and stability."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from persona_assets.assets.clusters.assign import Vectors
from persona_assets.assets.clusters.fit import require_enough_users, sample_users
from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.assets.clusters.silhouette import measure_silhouette
from persona_assets.assets.clusters.stability import measure_stability

# Numbers people choose, each some 1.2 to 1.6 times the one before; times 1, 10, 100, ...
LADDER = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)
BELOW_TEN = (2, 3, 4, 5, 6, 7, 8, 9)
# A curve of silhouettes has a broad top: numbers within this share of the best are as good, and the most
# stable of them is chosen. Of stabilities closer than TIE, that of the smaller number.
TOP = 0.9
TIE = 0.01
# The search looks at this many users, with at least this many a cluster, and makes so many starts.
SEARCHED_USERS = 20_000
LEAST_SEARCHED_USERS_OF_A_CLUSTER = 10
SEARCH_STARTS = 2


class Candidate(NamedTuple):
    """One number of clusters and how well it parts the users."""

    n_clusters: int
    silhouette: float
    stability: float | None  # measured at the top of the curve only, and where half of the users suffice


class Choice(NamedTuple):
    """The number chosen, and the curve that it was chosen from, in order of the number."""

    n_clusters: int
    curve: list[Candidate]


def choose_n_clusters(
    vectors: Vectors, sizes: ClusterSpec, *, seed: int, note: Callable[[int], None] = lambda _: None
) -> Choice:
    """Return the most stable number of clusters of those whose mean silhouette is near the greatest.

    Where the users are too few for the stability of any of these to be measured, that of the greatest silhouette.

    Tries a ladder from 2 to what the users allow, `n_users / min_cluster_size`. With more than 20,000 users
    it looks at as many of them, drawn by `seed`, and at most 2,000 clusters.

    Args:
        vectors: `(n_users, d)`, unit length, in order of user id.
        sizes: The least size of a cluster, and what becomes of smaller ones; its number is not looked at.
        seed: Of all draws.
        note: Called with 1 after each number tried.

    Raises:
        TooFewUsersError: Not even two clusters are possible.
    """
    require_enough_users(len(vectors), sizes._replace(n_clusters=2))
    searched = sample_users(vectors, SEARCHED_USERS, np.random.default_rng(seed))
    least = max(1, sizes.min_cluster_size * len(searched) // len(vectors))
    most = len(vectors) // sizes.min_cluster_size
    if len(searched) < len(vectors):
        most = min(most, len(searched) // LEAST_SEARCHED_USERS_OF_A_CLUSTER)
    tried = [sizes._replace(n_clusters=n_clusters, min_cluster_size=least) for n_clusters in ladder(most)]
    silhouettes: list[float] = []
    for candidate in tried:
        fit = fit_clusters(searched, candidate, seed=seed, starts=SEARCH_STARTS)
        silhouettes.append(float(measure_silhouette(searched, fit.labels).mean(dtype=np.float64)))
        note(1)
    at_top = _find_top(silhouettes)
    curve = [
        Candidate(candidate.n_clusters, silhouette, measure_stability(searched, candidate, seed=seed) if top else None)
        for candidate, silhouette, top in zip(tried, silhouettes, at_top, strict=True)
    ]
    return Choice(_pick(curve), curve)


def ladder(most: int) -> list[int]:
    """Return the numbers to try from 2 to `most`: each to 10, then ten numbers a power of ten."""
    rungs = [*BELOW_TEN]
    scale = 1
    while scale * LADDER[0] <= most:
        rungs += [scale * rung for rung in LADDER]
        scale *= 10
    return [rung for rung in rungs if rung <= most]


def _find_top(silhouettes: list[float]) -> list[bool]:
    """Say which are near the greatest; of none above zero, which are the greatest."""
    greatest = max(silhouettes)
    return [silhouette >= min(TOP * greatest, greatest) for silhouette in silhouettes]


def _pick(curve: list[Candidate]) -> int:
    stable = {candidate.n_clusters: candidate.stability for candidate in curve if candidate.stability is not None}
    if not stable:
        return max(curve, key=lambda candidate: candidate.silhouette).n_clusters
    return next(n_clusters for n_clusters, stability in stable.items() if stability > max(stable.values()) - TIE)
