"""Measure the stability of clusters: how well clusterings of two halves of the users agree."""

import numpy as np

from persona_assets.assets.clusters.fit import sample_users
from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.common.progress import phase
from persona_assets.post_vectors.assign import Vectors, assign_nearest, single_threaded_blas

# Maximum number of users, number of random splits into halves, and initialisations of each fit.
MAX_USERS = 20_000
N_SPLITS = 2
N_INIT = 2


def measure_stability(vectors: Vectors, spec: ClusterSpec, *, seed: int) -> float | None:
    """Return the mean adjusted Rand index between clusterings fitted to two random halves of the users.

    Each fit assigns all users to its centres, and the two assignments are compared: 1 if they are equal, about 0 if
    they agree by chance alone. The mean is over `N_SPLITS` random splits. Halves are fitted with half the minimum
    cluster size. After Ben-Hur, Elisseeff and Guyon, A stability based method (2002).

    Args:
        vectors: `(n_users, d)`, unit length, sorted by user id.
        spec: Number and minimum size of clusters.
        seed: Seed of the splits and the fits.

    Returns:
        The mean index; None if half of the users are fewer than the clusters.
    """
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 - 1 s, and definitions must load fast

    rng = np.random.default_rng(seed)
    users = sample_users(vectors, MAX_USERS, rng)
    n_half = len(users) // 2
    if n_half < spec.n_clusters:
        return None
    min_size = min(spec.min_cluster_size * n_half // len(vectors), n_half // spec.n_clusters)
    spec_of_half = spec._replace(min_cluster_size=max(1, min_size))
    scores: list[float] = []
    with phase("measuring stability", what="splits of the users", total=N_SPLITS) as splits:
        for split in range(N_SPLITS):
            shuffled = rng.permutation(len(users))
            halves = [users[np.sort(rows)] for rows in (shuffled[:n_half], shuffled[n_half:])]
            fits = [fit_clusters(half, spec_of_half, seed=seed + split, n_init=N_INIT) for half in halves]
            with single_threaded_blas():
                one, other = (assign_nearest(users, fit.centres).labels for fit in fits)
            scores.append(float(adjusted_rand_score(one, other)))
            splits.add(1)
    return float(np.mean(scores))
