"""Assign users to their nearest centres, and average users to centres, the same on any number of cores."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
Part = TypeVar("Part")

# Rows of one product. Fixed, so that the same rows are multiplied together whatever the number of cores.
BLOCK_ROWS = 4096


class Assignment(NamedTuple):
    """The nearest centre of each user."""

    labels: Labels  # (n_users,)
    similarity: Vectors  # (n_users,) cosine to that centre


@contextmanager
def single_threaded_blas() -> Generator[None]:
    """Keep BLAS to one thread in the block: how it splits work among threads shows in the last bits.

    The cores are used by `over_blocks` instead, whose blocks do not depend on their number.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn, not needed to load

    with threadpool_limits(limits=1):
        yield


def over_blocks(rows: int, work: Callable[[slice], Part]) -> Iterable[Part]:
    """Yield `work` of each block of rows, in order, computed on all cores: numpy lets other threads run."""
    if rows <= BLOCK_ROWS:  # to start threads for a single block costs more than its work
        yield work(slice(rows))
        return
    blocks = [slice(start, min(start + BLOCK_ROWS, rows)) for start in range(0, rows, BLOCK_ROWS)]
    with ThreadPoolExecutor() as pool:
        yield from pool.map(work, blocks)


def assign_nearest(vectors: Vectors, centres: Vectors) -> Assignment:
    """Return each user's nearest centre by cosine, the first of equals.

    Args:
        vectors: `(n_users, d)`, unit length.
        centres: `(k, d)`, unit length.
    """

    def nearest(block: slice) -> Assignment:
        similarity = vectors[block] @ centres.T
        labels = similarity.argmax(axis=1)
        return Assignment(labels.astype(np.int32), similarity[np.arange(len(labels)), labels])

    parts = list(over_blocks(len(vectors), nearest))
    return Assignment(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def assign_next(vectors: Vectors, labels: Labels, centres: Vectors) -> Assignment:
    """Return for each user the nearest of the centres that are not its own; there are at least two.

    Args:
        vectors: `(n_users, d)`, unit length.
        labels: Cluster of each user.
        centres: `(k, d)`, unit length.
    """

    def nearest(block: slice) -> Assignment:
        similarity = vectors[block] @ centres.T
        rows = np.arange(len(similarity))
        similarity[rows, labels[block]] = -np.inf
        others = similarity.argmax(axis=1)
        return Assignment(others.astype(np.int32), similarity[rows, others])

    parts = list(over_blocks(len(vectors), nearest))
    return Assignment(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def sum_by_cluster(vectors: Vectors, labels: Labels, n_clusters: int) -> Vectors:
    """Return the sum of each cluster's users, `(n_clusters, d)`; zeros for a cluster without any."""
    import scipy.sparse  # noqa: PLC0415 - 0.1 s, and definitions must load fast

    ones = np.ones(len(labels), np.float32)
    return scipy.sparse.csr_array((ones, (labels, np.arange(len(labels)))), shape=(n_clusters, len(labels))) @ vectors


def average_centres(vectors: Vectors, labels: Labels, *, before: Vectors) -> Vectors:
    """Return each cluster's centre, the normalised mean of its users.

    Args:
        vectors: `(n_users, d)`, unit length.
        labels: Cluster of each user.
        before: `(k, d)`: the centre of a cluster without users, or whose users cancel out, stays what it was.
    """
    sums = sum_by_cluster(vectors, labels, len(before))
    lengths = np.linalg.norm(sums, axis=1)
    moved = lengths > 0
    centres = before.copy()
    centres[moved] = sums[moved] / lengths[moved, None]
    return centres


def own_similarity(vectors: Vectors, labels: Labels, centres: Vectors) -> Vectors:
    """Return each user's cosine to the centre of its own cluster, `(n_users,)`."""
    parts = over_blocks(len(vectors), lambda block: np.einsum("ij,ij->i", vectors[block], centres[labels[block]]))
    return np.concatenate(list(parts))
