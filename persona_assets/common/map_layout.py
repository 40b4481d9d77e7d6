"""Compute positions of users on a map by t-SNE, so that users with similar vectors are near each other.

`benchmarks/bench_map.py` compares it with principal components, openTSNE and UMAP;
`docs/adr/0043-map-by-t-sne.md` has the figures.
"""

import hashlib
import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from persona_assets.common.pictures import Floats, Ints, project_to_plane

# Maximum number of users in t-SNE, which takes 2.5 s of CPU for them, and 6 s for 4,000. The positions of others are
# interpolated.
MAX_TSNE_USERS = 2000
# An interpolated position is the mean position of this many nearest users that are in t-SNE.
N_INTERPOLATION_NEIGHBOURS = 5
# Effective number of neighbours of a user, at most a third of the users (van der Maaten, 2014).
PERPLEXITY = 30.0
# Minimum number of users for t-SNE. With fewer, positions are principal components.
MIN_USERS = 8
# With 500, purity and trustworthiness change by less than 0.01.
ITERATIONS = 400
# A cell of the Barnes-Hut tree counts as one point below this angle. With 0.5, scikit-learn's default, purity and
# trustworthiness change by less than 0.005, and an iteration takes 1.5 times as long.
ANGLE = 0.8
# Initial radius if t-SNE starts with principal components, as in scikit-learn (Kobak and Berens, 2019).
INITIAL_RADIUS = 1e-4
# Initial radius if t-SNE starts with an earlier map. It is about the radius with which t-SNE ends: 0.65 times the
# square root of the number of users, at most 20. Early exaggeration is off: then users move half as far between the
# maps, and half of the iterations are enough.
MAX_FINAL_RADIUS = 20.0
FINAL_RADIUS_FACTOR = 0.65
CONTINUED_ITERATIONS = 250
# Standard deviation of the noise that separates users with equal vectors, relative to the initial radius.
JITTER = 1e-2
# Similarities are computed for this many users at a time.
BLOCK_ROWS = 2048
# Minimum number of users in a sample from each group.
MIN_SAMPLED_PER_GROUP = 5


def compute_map_positions(vectors: Floats, *, seed: int, previous: Floats | None = None) -> Floats:
    """Return 2-D positions of users by t-SNE: float32 `(n, 2)`, root mean square distance from the origin about 1.

    The positions depend on the order of rows, but not on the number of threads. Besides the vectors, memory is needed
    for `BLOCK_ROWS` similarities per user in t-SNE.

    Args:
        vectors: float32 `(n, d)`, unit vectors; equal rows and rows of zeros are allowed.
        seed: Seed of the sample of users in t-SNE, and of the noise that separates users with equal vectors.
        previous: float32 `(n, 2)`, positions on an earlier map, with NaN for users who are not on it. t-SNE starts with
            them, and the result is rotated, reflected and translated to match them. They are ignored if fewer than
            `MIN_USERS` users have one.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn, not needed for definitions

    importlib.import_module("sklearn.manifold")  # the limit applies only to libraries that are already loaded
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(vectors))[:MAX_TSNE_USERS])
    # The order of sums in several threads changes the last bits, and t-SNE amplifies the difference.
    with threadpool_limits(limits=1):
        known = np.flatnonzero([] if previous is None else np.isfinite(previous).all(axis=1))
        if previous is None or len(known) < MIN_USERS:
            return _interpolate(vectors, chosen, _embed(vectors[chosen], None, rng))
        start = _interpolate(vectors, known, previous[known])
        positions = _interpolate(vectors, chosen, _embed(vectors[chosen], start[chosen], rng))
        return _align(positions, previous, known)


def sample_map_users(user_ids: Iterable[str], groups: Ints, *, max_users: int, seed: int) -> Ints:
    """Return the rows of at most `max_users` users, ascending: a few of each group, the others drawn at random.

    Users are sampled by the digest of their ids, so that the samples of two days have most users in common.

    Args:
        user_ids: User id of each row.
        groups: `(n_users,)`, group of each row.
        max_users: Maximum number of rows. If it is too small for the minimum of each group, the groups get fewer.
        seed: Seed of the digests.
    """
    key = seed.to_bytes(8, "little", signed=True)
    digests = (hashlib.blake2b(user_id.encode(), digest_size=8, key=key).digest() for user_id in user_ids)
    priority = np.fromiter((int.from_bytes(digest) for digest in digests), np.uint64, len(groups))
    order = np.lexsort((priority, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    rank = np.empty(len(groups), np.int64)
    rank[order] = np.arange(len(groups)) - np.repeat(starts, np.diff(starts, append=len(groups)))
    first = np.where(rank < MIN_SAMPLED_PER_GROUP, rank, MIN_SAMPLED_PER_GROUP)
    return np.sort(np.lexsort((priority, first))[:max_users])


def _embed(vectors: Floats, previous: Floats | None, rng: np.random.Generator) -> Floats:
    """Return normalised positions by Barnes-Hut t-SNE, or by principal components for fewer than `MIN_USERS` users.

    Args:
        vectors: Vectors of all users in t-SNE.
        previous: Initial position of each; None for the principal components.
        rng: Source of the noise that separates users with equal vectors.
    """
    from sklearn.manifold import TSNE  # noqa: PLC0415 - 1 s, and definitions must load fast

    start = _normalise(project_to_plane(vectors) if previous is None else previous)
    if len(vectors) < MIN_USERS:
        return start
    start += (JITTER * rng.normal(size=start.shape)).astype(np.float32)
    final_radius = min(MAX_FINAL_RADIUS, FINAL_RADIUS_FACTOR * np.sqrt(len(vectors)))
    # For unit vectors, Euclidean distances order neighbours as the cosine does. The random state has no effect, because
    # initial positions are given.
    init: Any = start * np.float32(INITIAL_RADIUS if previous is None else final_radius)
    model = TSNE(
        perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3),
        init=init,
        early_exaggeration=12 if previous is None else 1,
        angle=ANGLE,
        max_iter=ITERATIONS if previous is None else CONTINUED_ITERATIONS,
        random_state=0,
        n_jobs=1,
    )
    return _normalise(model.fit_transform(vectors))


def _interpolate(vectors: Floats, chosen: Ints, positions: Floats) -> Floats:
    """Return positions of all users: as given for `chosen`, for others the mean position of their nearest `chosen`."""
    if len(chosen) == len(vectors):
        return positions
    among = vectors[chosen]
    neighbours = min(N_INTERPOLATION_NEIGHBOURS, len(chosen))
    placed = np.empty((len(vectors), 2), np.float32)
    for first in range(0, len(vectors), BLOCK_ROWS):
        similarity = vectors[first : first + BLOCK_ROWS] @ among.T
        nearest = np.argpartition(-similarity, neighbours - 1, axis=1)[:, :neighbours]
        placed[first : first + BLOCK_ROWS] = positions[np.sort(nearest, axis=1)].mean(axis=1)
    placed[chosen] = positions
    return placed


def _normalise(positions: Floats) -> Floats:
    """Centre the positions and scale them to a root mean square distance of 1 from the origin; equal ones become 0."""
    centred = positions.astype(np.float64) - positions.mean(axis=0, dtype=np.float64)
    radius = np.sqrt((centred**2).sum(axis=1).mean())
    return (centred / (radius or 1.0)).astype(np.float32)


def _align(positions: Floats, previous: Floats, known: Ints) -> Floats:
    """Rotate, reflect and translate positions to match `previous` (Procrustes analysis without scaling)."""
    now, then = positions[known].astype(np.float64), previous[known].astype(np.float64)
    left, _, right = np.linalg.svd((now - now.mean(axis=0)).T @ (then - then.mean(axis=0)))
    return ((positions - now.mean(axis=0)) @ (left @ right) + then.mean(axis=0)).astype(np.float32)
