"""Choose the number of clusters by silhouette and stability."""

from typing import NamedTuple

import numpy as np

from persona_assets.assets.clusters.fit import require_enough_users, sample_users
from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.assets.clusters.silhouette import measure_silhouette
from persona_assets.assets.clusters.stability import measure_stability
from persona_assets.common.progress import phase
from persona_assets.post_vectors.assign import Vectors

# The numbers tried: those below ten, then these times 1, 10, 100 and so on. Each is 1.2 to 1.6 times the one before.
NUMBERS_FROM_TEN = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)
NUMBERS_BELOW_TEN = (2, 3, 4, 5, 6, 7, 8, 9)
# The curve of silhouettes has a broad maximum. Numbers with at least this share of the highest silhouette count as
# equally good, and the most stable of them is chosen.
SHARE_OF_HIGHEST_SILHOUETTE = 0.9
# Stabilities that differ by less than this count as equal, and the smallest number is chosen.
EQUAL_STABILITY = 0.01
# Maximum number of users in the search, minimum number of users per cluster in it, and initialisations of each fit.
MAX_USERS = 20_000
MIN_USERS_PER_CLUSTER = 10
N_INIT = 2


class KCandidate(NamedTuple):
    """One number of clusters that was tried, with the mean silhouette and the stability of its clusters."""

    n_clusters: int
    silhouette: float  # mean over the users, -1 to 1
    stability: float | None  # 0 to 1; None if the silhouette is not near the highest, or the users are too few


class KChoice(NamedTuple):
    """The chosen number of clusters, and the measures of all numbers that were tried."""

    n_clusters: int
    numbers_tried: list[KCandidate]  # ascending by n_clusters


def choose_n_clusters(vectors: Vectors, spec: ClusterSpec, *, seed: int) -> KChoice:
    """Choose the number of clusters: the most stable one among those whose mean silhouette is near the highest.

    If the users are too few to measure any stability, the number with the highest silhouette is returned.

    The numbers tried go from 2 to `n_users / min_cluster_size`. With more than `MAX_USERS` users the search uses a
    random sample of that size, and tries at most 2,000 clusters.

    Args:
        vectors: `(n_users, d)`, unit length, sorted by user id.
        spec: Minimum size and method; `n_clusters` is ignored.
        seed: Seed of all random choices.

    Raises:
        TooFewUsersError: The users are too few for two clusters.
    """
    require_enough_users(len(vectors), spec._replace(n_clusters=2))
    sample = sample_users(vectors, MAX_USERS, np.random.default_rng(seed))
    min_size = max(1, spec.min_cluster_size * len(sample) // len(vectors))
    max_clusters = len(vectors) // spec.min_cluster_size
    if len(sample) < len(vectors):
        max_clusters = min(max_clusters, len(sample) // MIN_USERS_PER_CLUSTER)
    tried = [
        spec._replace(n_clusters=number, min_cluster_size=min_size) for number in list_numbers_to_try(max_clusters)
    ]
    silhouettes: list[float] = []
    with phase("trying numbers of clusters", what="numbers", total=len(tried)) as numbers:
        for candidate in tried:
            fit = fit_clusters(sample, candidate, seed=seed, n_init=N_INIT)
            silhouettes.append(float(measure_silhouette(sample, fit.labels).mean(dtype=np.float64)))
            numbers.add(1)
    near_highest = _are_near_highest(silhouettes)
    curve: list[KCandidate] = []
    with phase("measuring the stability of numbers", what="numbers", total=sum(near_highest)) as numbers:
        for candidate, silhouette, is_near in zip(tried, silhouettes, near_highest, strict=True):
            stability = measure_stability(sample, candidate, seed=seed) if is_near else None
            curve.append(KCandidate(candidate.n_clusters, silhouette, stability))
            numbers.add(is_near)
    return KChoice(_choose(curve), curve)


def list_numbers_to_try(max_clusters: int) -> list[int]:
    """Return the numbers of clusters to try, from 2 to `max_clusters`: each up to 10, then ten per power of ten."""
    numbers = [*NUMBERS_BELOW_TEN]
    scale = 1
    while scale * NUMBERS_FROM_TEN[0] <= max_clusters:
        numbers += [scale * number for number in NUMBERS_FROM_TEN]
        scale *= 10
    return [number for number in numbers if number <= max_clusters]


def _are_near_highest(silhouettes: list[float]) -> list[bool]:
    """Return which silhouettes are near the highest one; if that is not above 0, only those equal to it."""
    highest = max(silhouettes)
    return [silhouette >= min(SHARE_OF_HIGHEST_SILHOUETTE * highest, highest) for silhouette in silhouettes]


def _choose(curve: list[KCandidate]) -> int:
    stable = {candidate.n_clusters: candidate.stability for candidate in curve if candidate.stability is not None}
    if not stable:
        return max(curve, key=lambda candidate: candidate.silhouette).n_clusters
    threshold = max(stable.values()) - EQUAL_STABILITY
    return next(n_clusters for n_clusters, stability in stable.items() if stability > threshold)
