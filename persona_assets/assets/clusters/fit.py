"""Fit spherical k-means with a minimum cluster size; clusters are numbered by size."""

import numpy as np

from persona_assets.assets.clusters.assign import Vectors, average_centres, over_blocks, single_threaded_blas
from persona_assets.assets.clusters.lloyd import MOST_ROUNDS, ClusterSpec, Fit, lloyd_iterations
from persona_assets.assets.clusters.swap import swap_clusters
from persona_assets.errors import TooFewUsersError

# Several starts are made on a sample: of all users up to this many or 50 a cluster, whichever is more.
SEARCHED_USERS = 20_000
SEARCHED_USERS_OF_A_CLUSTER = 50
# Starts, and then swaps of the best, each as many as this many users times clusters allow: 3 and 40 for 20,000
# users in 25, 1 and none for 50,000 in 1000. Five times as many swaps change little.
STARTS = 3
SWAPS = 40
SEARCHED_PAIRS = 20_000_000
# Directions in which they search: this many or two a cluster, whichever is more.
DIRECTIONS = 48
DIRECTIONS_OF_A_CLUSTER = 2
# Rounds with all users after starts on a sample: the first ten give nearly all that there is to gain.
MOST_ROUNDS_WITH_ALL = 10


def require_enough_users(users: int, sizes: ClusterSpec) -> None:
    """Refuse more clusters than the users allow.

    Raises:
        TooFewUsersError: Says how many clusters are possible and which variables to change.
    """
    n_clusters, min_cluster_size = sizes.n_clusters, sizes.min_cluster_size
    possible = users // min_cluster_size
    if possible >= n_clusters:
        return
    fewer = f"set PERSONA_N_CLUSTERS to at most {possible}, or " if possible else ""
    fewer = f"unset PERSONA_AUTO_CLUSTER and {fewer}" if possible == 1 else fewer
    raise TooFewUsersError(
        f"{n_clusters} clusters of at least {min_cluster_size} users need {n_clusters * min_cluster_size} users, "
        f"and the window has {users}: {fewer}lower PERSONA_MIN_CLUSTER_SIZE or PERSONA_MIN_ENGLISH_POSTS, or "
        "lengthen the window (PERSONA_WINDOW_DAYS)"
    )


def fit_kmeans(vectors: Vectors, spec: ClusterSpec, *, seed: int, starts: int | None = None) -> Fit:
    """Return the best of several fits of spherical k-means (Dhillon and Modha, 2001).

    Each start draws its centres by k-means++ and moves them until the mean cosine of users and their centres
    gains no more, small clusters filled or dissolved in every round. Starts see the users in the few directions
    in which they spread most, where noise leads into fewer bad optima (Xu and others, PCA-guided search for
    k-means, 2015), and a sample of them if they are many; the best is improved by swaps and goes on with all
    users and dimensions. The result depends on the order of rows, so rows must be in a stated order; it does
    not depend on the number of cores or BLAS threads.

    Args:
        vectors: `(n_users, d)`, unit length, in order of user id.
        spec: Number and least size of clusters.
        seed: Of the draws.
        starts: Number of starts, without swaps; None makes as many of both as `SEARCHED_PAIRS` allows.
    """
    rng = np.random.default_rng(seed)
    searched = sample_users(vectors, max(SEARCHED_USERS, SEARCHED_USERS_OF_A_CLUSTER * spec.n_clusters), rng)
    affordable = SEARCHED_PAIRS // (len(searched) * spec.n_clusters)
    swaps = min(SWAPS, affordable) if starts is None else 0
    of_sample = spec._replace(min_cluster_size=max(1, spec.min_cluster_size * len(searched) // len(vectors)))
    with single_threaded_blas():
        spread = _keep_spread(searched, max(DIRECTIONS, DIRECTIONS_OF_A_CLUSTER * spec.n_clusters))
        fits = (_fit_once(spread, of_sample, rng) for _ in range(starts or min(STARTS, max(1, affordable))))
        best = swap_clusters(spread, max(fits, key=Fit.mean_similarity), of_sample, rng, swaps=swaps)
        centres = np.zeros((len(best.centres), vectors.shape[1]), np.float32)
        centres = average_centres(searched, best.labels, before=centres)
        rounds = MOST_ROUNDS if searched is vectors else MOST_ROUNDS_WITH_ALL
        return number_clusters(lloyd_iterations(vectors, centres, spec, most_rounds=rounds))


def sample_users(vectors: Vectors, most: int, rng: np.random.Generator) -> Vectors:
    """Return at most `most` rows, drawn without replacement, in the order that they have."""
    if len(vectors) <= most:
        return vectors
    return vectors[np.sort(rng.choice(len(vectors), most, replace=False))]


def _keep_spread(vectors: Vectors, directions: int) -> Vectors:
    """Return the rows in the directions that hold most of their length, `(n_users, directions)`, not unit."""
    if vectors.shape[1] <= directions:
        return vectors
    products = over_blocks(len(vectors), lambda block: (vectors[block].T @ vectors[block]).astype(np.float64))
    axes = np.linalg.eigh(sum(products))[1][:, : -directions - 1 : -1].astype(np.float32)
    return np.concatenate(list(over_blocks(len(vectors), lambda block: vectors[block] @ axes)))


def _fit_once(vectors: Vectors, sizes: ClusterSpec, rng: np.random.Generator) -> Fit:
    centres = draw_centres(sample_users(vectors, SEARCHED_USERS, rng), sizes.n_clusters, rng)
    return lloyd_iterations(vectors, centres, sizes, most_rounds=MOST_ROUNDS)


def draw_centres(vectors: Vectors, n_clusters: int, rng: np.random.Generator) -> Vectors:
    """Return first centres, `(n_clusters, d)`, by greedy k-means++ (Arthur and Vassilvitskii, 2007).

    Each is a user drawn with a chance that grows with the distance to those before: of a few so drawn, the
    one that leaves all users nearest. scikit-learn's does the same in float64, at more than twice the cost.
    """
    tried = 2 + int(np.log(n_clusters))
    lengths = np.einsum("ij,ij->i", vectors, vectors)
    chosen = [int(rng.integers(len(vectors)))]
    distance = np.maximum(lengths + lengths[chosen[0]] - 2 * vectors @ vectors[chosen[0]], 0)
    while len(chosen) < n_clusters:
        total = np.cumsum(distance, dtype=np.float64)
        drawn = np.searchsorted(total, rng.random(tried) * total[-1], side="right").clip(max=len(vectors) - 1)
        distances = lengths[:, None] + lengths[drawn] - 2 * vectors @ vectors[drawn].T
        distances = np.minimum(np.maximum(distances, 0), distance[:, None])
        best = int(distances.sum(axis=0, dtype=np.float64).argmin())
        chosen.append(int(drawn[best]))
        distance = distances[:, best]
    return vectors[chosen]


def number_clusters(fit: Fit) -> Fit:
    """Return the fit with its clusters numbered by size; of equal size, the one that has the first user comes first."""
    found, first, sizes = np.unique(fit.labels, return_index=True, return_counts=True)
    order = found[np.lexsort((first, -sizes))]
    number = np.empty(len(fit.centres), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return Fit(number[fit.labels], fit.similarity, fit.centres[order])
