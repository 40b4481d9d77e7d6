"""Measure whether clusters are there, or made by the draw: do fits to two halves of the users agree?"""

import numpy as np

from persona_assets.assets.clusters.assign import Vectors, assign_nearest, single_threaded_blas
from persona_assets.assets.clusters.fit import sample_users
from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters

# Users looked at, times that they are cut in halves, and starts of each fit.
MOST_USERS = 20_000
CUTS = 2
STARTS = 2


def measure_stability(vectors: Vectors, sizes: ClusterSpec, *, seed: int) -> float | None:
    """Return the mean agreement of two fits, each to one half of the users and then extended to all.

    Agreement is the adjusted Rand index: 1 for equal clusters, 0 for chance. Halves are fitted with half the
    least size. After Ben-Hur, Elisseeff and Guyon, A stability based method (2002).

    Args:
        vectors: `(n_users, d)`, unit length, in order of user id.
        sizes: Number and least size of clusters.
        seed: Of the cuts and the fits.

    Returns:
        The agreement; None where half of the users are fewer than the clusters, so that it cannot be measured.
    """
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 - 1 s, and definitions must load fast

    rng = np.random.default_rng(seed)
    users = sample_users(vectors, MOST_USERS, rng)
    half = len(users) // 2
    if half < sizes.n_clusters:
        return None
    least = min(sizes.min_cluster_size * half // len(vectors), half // sizes.n_clusters)
    of_half = sizes._replace(min_cluster_size=max(1, least))
    agreements: list[float] = []
    for cut in range(CUTS):
        shuffled = rng.permutation(len(users))
        halves = [users[np.sort(part)] for part in (shuffled[:half], shuffled[half:])]
        fits = [fit_clusters(part, of_half, seed=seed + cut, starts=STARTS) for part in halves]
        with single_threaded_blas():
            one, other = (assign_nearest(users, fit.centres).labels for fit in fits)
        agreements.append(float(adjusted_rand_score(one, other)))
    return float(np.mean(agreements))
