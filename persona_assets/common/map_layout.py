"""Lay users out on a plane, so that those with similar vectors are near each other, by t-SNE.

`benchmarks/bench_map.py` compares it with principal components, openTSNE and UMAP;
`docs/adr/0043-map-by-t-sne.md` has the figures.
"""

import hashlib
import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from persona_assets.common.pictures import Floats, Ints, project_to_plane

# At most this many users are laid out by t-SNE, in 7 s of CPU; the others are placed between them.
LAID_OUT_USERS = 4000
# A user who is not laid out is placed at the mean of this many neighbours who are.
PLACED_BETWEEN = 5
# Effective number of neighbours of a user; a third of the users if they are fewer (van der Maaten, 2014).
PERPLEXITY = 30.0
# Fewer users than this have too few neighbours for t-SNE: their principal components are drawn.
MIN_USERS = 8
# Twice as many change neither purity nor trustworthiness by 0.01.
ITERATIONS = 500
# Principal components begin this close together, as scikit-learn's do (Kobak and Berens, 2019).
INITIAL_RADIUS = 1e-4
# An earlier map begins at the radius that t-SNE ends with: 0.65 times the root of the number of users, up to 20. It is
# not drawn together first (early exaggeration): then common users move half as far, in half of the iterations.
FINAL_RADIUS = 20.0
FINAL_RADIUS_OF_ROOT = 0.65
ITERATIONS_FROM_BEFORE = 250
# Share of the initial radius by which users of equal vectors are set apart.
JITTER = 1e-2
# Similarities are computed for this many users at a time.
BLOCK_ROWS = 2048
# Of a group at least so many users are drawn.
MIN_DRAWN_OF_GROUP = 5


def lay_out(vectors: Floats, *, seed: int, before: Floats | None = None) -> Floats:
    """Return a position for each user: float32 `(n, 2)`, the root mean square distance from the origin about 1.

    The positions depend on the order of rows, and not on the number of threads. Memory is that of the vectors and of
    `BLOCK_ROWS` similarities for each laid-out user.

    Args:
        vectors: float32 `(n, d)`, unit length; equal rows and rows of zeros are allowed.
        seed: Of the sample that t-SNE sees and of the distances between users of equal vectors.
        before: float32 `(n, 2)`, positions of an earlier map, with NaN for users who are not on it. t-SNE begins with
            them, and the result is rotated, mirrored and moved to match them. Fewer than `MIN_USERS` are ignored.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn, not needed to load

    importlib.import_module("sklearn.manifold")  # the limit of threads holds for libraries that are loaded before
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(vectors))[:LAID_OUT_USERS])
    # The order in which threads add up shows in the last bits, and t-SNE amplifies them.
    with threadpool_limits(limits=1):
        known = np.flatnonzero([] if before is None else np.isfinite(before).all(axis=1))
        if before is None or len(known) < MIN_USERS:
            return _place_between(vectors, chosen, _embed(vectors[chosen], None, rng))
        start = _place_between(vectors, known, before[known])
        positions = _place_between(vectors, chosen, _embed(vectors[chosen], start[chosen], rng))
        return _align(positions, before, known)


def draw_users(user_ids: Iterable[str], groups: Ints, *, most: int, seed: int) -> Ints:
    """Return the rows of a sample of users, ascending: some of each group, and a share of all others.

    Whether a user is drawn depends on the digest of its id, so that the samples of two days have most users in common.

    Args:
        user_ids: One for each row.
        groups: `(n_users,)`, of each user; of each, `MIN_DRAWN_OF_GROUP` users are drawn first, while there is room.
        most: Maximum number of rows.
        seed: Other seeds draw other users.
    """
    key = seed.to_bytes(8, "little", signed=True)
    digests = (hashlib.blake2b(user_id.encode(), digest_size=8, key=key).digest() for user_id in user_ids)
    priority = np.fromiter((int.from_bytes(digest) for digest in digests), np.uint64, len(groups))
    order = np.lexsort((priority, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    rank = np.empty(len(groups), np.int64)
    rank[order] = np.arange(len(groups)) - np.repeat(starts, np.diff(starts, append=len(groups)))
    first = np.where(rank < MIN_DRAWN_OF_GROUP, rank, MIN_DRAWN_OF_GROUP)
    return np.sort(np.lexsort((priority, first))[:most])


def _embed(vectors: Floats, before: Floats | None, rng: np.random.Generator) -> Floats:
    """Return positions, normalised: of t-SNE (Barnes-Hut), or the principal components of fewer than `MIN_USERS`.

    Args:
        vectors: Of the users to lay out.
        before: Where each begins; None begins with the principal components.
        rng: Of the jitter.
    """
    from sklearn.manifold import TSNE  # noqa: PLC0415 - 1 s, and definitions must load fast

    start = _normalise(project_to_plane(vectors) if before is None else before)
    if len(vectors) < MIN_USERS:
        return start
    start += (JITTER * rng.normal(size=start.shape)).astype(np.float32)
    final_radius = min(FINAL_RADIUS, FINAL_RADIUS_OF_ROOT * np.sqrt(len(vectors)))
    # Distances on the unit sphere order neighbours as the cosine does. The seed is idle: positions are given.
    init: Any = start * np.float32(INITIAL_RADIUS if before is None else final_radius)
    model = TSNE(
        perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3),
        init=init,
        early_exaggeration=12 if before is None else 1,
        max_iter=ITERATIONS if before is None else ITERATIONS_FROM_BEFORE,
        random_state=0,
        n_jobs=1,
    )
    return _normalise(model.fit_transform(vectors))


def _place_between(vectors: Floats, chosen: Ints, positions: Floats) -> Floats:
    """Return positions of all: those given of `chosen`, and of the others the mean of their nearest `chosen`."""
    if len(chosen) == len(vectors):
        return positions
    among = vectors[chosen]
    neighbours = min(PLACED_BETWEEN, len(chosen))
    placed = np.empty((len(vectors), 2), np.float32)
    for first in range(0, len(vectors), BLOCK_ROWS):
        similarity = vectors[first : first + BLOCK_ROWS] @ among.T
        nearest = np.argpartition(-similarity, neighbours - 1, axis=1)[:, :neighbours]
        placed[first : first + BLOCK_ROWS] = positions[np.sort(nearest, axis=1)].mean(axis=1)
    placed[chosen] = positions
    return placed


def _normalise(positions: Floats) -> Floats:
    """Return the positions around the origin, their root mean square distance from it 1, or all 0."""
    centred = positions.astype(np.float64) - positions.mean(axis=0, dtype=np.float64)
    radius = np.sqrt((centred**2).sum(axis=1).mean())
    return (centred / (radius or 1.0)).astype(np.float32)


def _align(positions: Floats, before: Floats, known: Ints) -> Floats:
    """Return the positions rotated, mirrored and moved to those before (Procrustes, without a change of scale)."""
    now, then = positions[known].astype(np.float64), before[known].astype(np.float64)
    left, _, right = np.linalg.svd((now - now.mean(axis=0)).T @ (then - then.mean(axis=0)))
    return ((positions - now.mean(axis=0)) @ (left @ right) + then.mean(axis=0)).astype(np.float32)
