"""Fit spherical k-means with a minimum cluster size; clusters are numbered by size."""

from collections.abc import Callable

import numpy as np

from persona_assets.assets.clusters.lloyd import MAX_ITERATIONS, ClusterSpec, Fit, lloyd_iterations
from persona_assets.assets.clusters.swap import improve_by_swaps
from persona_assets.common.progress import phase
from persona_assets.errors import TooFewUsersError
from persona_assets.post_vectors.assign import Vectors, compute_centres, map_blocks, single_threaded_blas

# The initialisations are compared on a random sample: this many users, or this many per cluster if that is more.
SAMPLE_USERS = 20_000
SAMPLE_USERS_PER_CLUSTER = 50
# Maximum number of initialisations, and of swaps that then improve the best one.
MAX_INIT = 3
MAX_SWAPS = 40
# Budget: sampled users x clusters x initialisations (or swaps) stays below this, but one initialisation is always
# made. That is 3 initialisations and 40 swaps for 20,000 users in 25 clusters, and 1 and none for 50,000 in 1,000. Five
# times as many swaps change little.
SEARCH_BUDGET = 20_000_000
# Principal components in the search: this many, or this many per cluster if that is more.
N_COMPONENTS = 48
COMPONENTS_PER_CLUSTER = 2
# Maximum iterations with all users after a search on a sample: the first ten give nearly all of the improvement.
MAX_ITERATIONS_AFTER_SAMPLE = 10


def require_enough_users(users: int, spec: ClusterSpec) -> None:
    """Raise `TooFewUsersError` if `users` users cannot fill the requested clusters to their minimum size.

    Raises:
        TooFewUsersError: Says how many clusters are possible and which variables to change.
    """
    n_clusters, min_cluster_size = spec.n_clusters, spec.min_cluster_size
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


def fit_kmeans(vectors: Vectors, spec: ClusterSpec, *, seed: int, n_init: int | None = None) -> Fit:
    """Fit spherical k-means (Dhillon and Modha, 2001) `n_init` times; return the fit with the highest mean cosine.

    Each fit starts from centres of k-means++ and runs Lloyd iterations until the mean cosine of users to their centres
    no longer increases. Every iteration enforces the minimum cluster size. The fits use the first principal components
    only, where noise leads into fewer bad optima (Xu and others, PCA-guided search for k-means, 2015), and a sample if
    there are many users. The best fit is improved by swaps. It is then continued with all users and all dimensions.

    The result depends on the order of rows. It does not depend on the number of cores or BLAS threads.

    Args:
        vectors: `(n_users, d)`, unit length, sorted by user id.
        spec: Number and minimum size of clusters.
        seed: Seed of all random choices.
        n_init: Number of initialisations, without swaps; None for as many of both as `SEARCH_BUDGET` allows.
    """
    rng = np.random.default_rng(seed)
    sample = sample_users(vectors, max(SAMPLE_USERS, SAMPLE_USERS_PER_CLUSTER * spec.n_clusters), rng)
    affordable = SEARCH_BUDGET // (len(sample) * spec.n_clusters)
    n_swaps = min(MAX_SWAPS, affordable) if n_init is None else 0
    spec_of_sample = spec._replace(min_cluster_size=max(1, spec.min_cluster_size * len(sample) // len(vectors)))
    with single_threaded_blas():
        reduced = _project_on_components(sample, max(N_COMPONENTS, COMPONENTS_PER_CLUSTER * spec.n_clusters))
        n_fits = n_init or min(MAX_INIT, max(1, affordable))
        with phase("fitting to a sample", what="fits", total=n_fits) as fitted:
            fits = (_fit_once(reduced, spec_of_sample, rng, on_fit=fitted.add) for _ in range(n_fits))
            best = max(fits, key=Fit.mean_similarity)
        best = improve_by_swaps(reduced, best, spec_of_sample, rng, n_swaps=n_swaps)
        centres = np.zeros((len(best.centres), vectors.shape[1]), np.float32)
        centres = compute_centres(sample, best.labels, fallback=centres)
        max_iterations = MAX_ITERATIONS if sample is vectors else MAX_ITERATIONS_AFTER_SAMPLE
        with phase("fitting to all users", what="iterations", total=max_iterations) as iterations:
            fit = lloyd_iterations(vectors, centres, spec, max_iterations=max_iterations, on_iteration=iterations.add)
        return relabel_by_size(fit)


def sample_users(vectors: Vectors, max_users: int, rng: np.random.Generator) -> Vectors:
    """Draw at most `max_users` rows without replacement, and return them in their original order."""
    if len(vectors) <= max_users:
        return vectors
    return vectors[np.sort(rng.choice(len(vectors), max_users, replace=False))]


def _project_on_components(vectors: Vectors, n_components: int) -> Vectors:
    """Return the rows projected on their first principal components (uncentred), `(n_users, n_components)`.

    The projections are shorter than unit length. Rows of at most `n_components` dimensions are returned as they are.
    """
    if vectors.shape[1] <= n_components:
        return vectors
    products = map_blocks(len(vectors), lambda block: (vectors[block].T @ vectors[block]).astype(np.float64))
    axes = np.linalg.eigh(sum(products))[1][:, : -n_components - 1 : -1].astype(np.float32)
    return np.concatenate(list(map_blocks(len(vectors), lambda block: vectors[block] @ axes)))


def _fit_once(vectors: Vectors, spec: ClusterSpec, rng: np.random.Generator, *, on_fit: Callable[[int], None]) -> Fit:
    centres = kmeans_plusplus(sample_users(vectors, SAMPLE_USERS, rng), spec.n_clusters, rng)
    with phase("k-means iterations", what="iterations", total=MAX_ITERATIONS) as iterations:
        fit = lloyd_iterations(vectors, centres, spec, max_iterations=MAX_ITERATIONS, on_iteration=iterations.add)
    on_fit(1)
    return fit


def kmeans_plusplus(vectors: Vectors, n_clusters: int, rng: np.random.Generator) -> Vectors:
    """Draw initial centres, `(n_clusters, d)`, by greedy k-means++ (Arthur and Vassilvitskii, 2007).

    Each centre is a user. For the next one a few users are drawn, with probability proportional to the squared distance
    to the nearest centre so far. The one that leaves the smallest sum of squared distances is taken. scikit-learn's
    `kmeans_plusplus` does the same in float64, at more than twice the cost.
    """
    n_trials = 2 + int(np.log(n_clusters))
    squared_norms = np.einsum("ij,ij->i", vectors, vectors)
    chosen = [int(rng.integers(len(vectors)))]
    distance = np.maximum(squared_norms + squared_norms[chosen[0]] - 2 * vectors @ vectors[chosen[0]], 0)
    with phase("choosing initial centres", what="centres", total=n_clusters - 1) as centres:
        while len(chosen) < n_clusters:
            total = np.cumsum(distance, dtype=np.float64)
            drawn = np.searchsorted(total, rng.random(n_trials) * total[-1], side="right").clip(max=len(vectors) - 1)
            distances = squared_norms[:, None] + squared_norms[drawn] - 2 * vectors @ vectors[drawn].T
            distances = np.minimum(np.maximum(distances, 0), distance[:, None])
            best = int(distances.sum(axis=0, dtype=np.float64).argmin())
            chosen.append(int(drawn[best]))
            distance = distances[:, best]
            centres.add(1)
    return vectors[chosen]


def relabel_by_size(fit: Fit) -> Fit:
    """Renumber clusters by descending number of users; equally large ones in the order of their first users."""
    found, first, sizes = np.unique(fit.labels, return_index=True, return_counts=True)
    order = found[np.lexsort((first, -sizes))]
    new_label = np.empty(len(fit.centres), np.int32)
    new_label[order] = np.arange(len(order), dtype=np.int32)
    return Fit(new_label[fit.labels], fit.similarity, fit.centres[order])
