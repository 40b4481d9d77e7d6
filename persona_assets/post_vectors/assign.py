"""Assign users to their nearest centres and average users to centres; the results do not depend on the cores."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from persona_assets.common.cpu_count import count_threads

Vectors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BlockResult = TypeVar("BlockResult")

# Rows of one matrix product. A fixed number, so that the same rows are multiplied together on any number of cores.
BLOCK_ROWS = 4096


class Assignment(NamedTuple):
    """The cluster label of each user, and the user's cosine similarity to that cluster's centre."""

    labels: Labels  # (n_users,), row of the centre
    similarity: Vectors  # (n_users,), cosine to that centre


@contextmanager
def single_threaded_blas() -> Generator[None]:
    """Limit BLAS to one thread in the block, because the number of its threads changes the last bits of a result.

    `map_blocks` uses the cores instead. Its blocks do not depend on the number of cores.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn, not needed to load

    with threadpool_limits(limits=1):
        yield


def map_blocks(rows: int, work: Callable[[slice], BlockResult]) -> Iterable[BlockResult]:
    """Yield `work(slice)` for each slice of `BLOCK_ROWS` of `rows` rows, in order; threads compute it in parallel.

    Threads run in parallel, because numpy releases the interpreter lock in matrix products.
    """
    if rows <= BLOCK_ROWS:  # starting threads costs more than the work of one block
        yield work(slice(rows))
        return
    blocks = [slice(start, min(start + BLOCK_ROWS, rows)) for start in range(0, rows, BLOCK_ROWS)]
    threads = min(count_threads(), len(blocks))
    if threads == 1:
        yield from map(work, blocks)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, blocks)


def assign_nearest(vectors: Vectors, centres: Vectors) -> Assignment:
    """Assign each user to the centre with the highest cosine similarity; of equal ones, to the first.

    Args:
        vectors: `(n_users, d)`, unit length.
        centres: `(k, d)`, unit length.
    """

    def nearest(block: slice) -> Assignment:
        similarity = vectors[block] @ centres.T
        labels = similarity.argmax(axis=1)
        return Assignment(labels.astype(np.int32), similarity[np.arange(len(labels)), labels])

    blocks = list(map_blocks(len(vectors), nearest))
    return Assignment(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def assign_second_nearest(vectors: Vectors, labels: Labels, centres: Vectors) -> Assignment:
    """Return, for each user, the nearest centre other than that of its own cluster, and the cosine similarity to it.

    Args:
        vectors: `(n_users, d)`, unit length.
        labels: Cluster of each user.
        centres: `(k, d)`, unit length, `k` at least 2.
    """

    def nearest_other(block: slice) -> Assignment:
        similarity = vectors[block] @ centres.T
        rows = np.arange(len(similarity))
        similarity[rows, labels[block]] = -np.inf
        others = similarity.argmax(axis=1)
        return Assignment(others.astype(np.int32), similarity[rows, others])

    blocks = list(map_blocks(len(vectors), nearest_other))
    return Assignment(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def sum_by_cluster(vectors: Vectors, labels: Labels, n_clusters: int) -> Vectors:
    """Return the sum of the vectors of each cluster, `(n_clusters, d)`; zeros for an empty cluster."""
    import scipy.sparse  # noqa: PLC0415 - 0.1 s, and definitions must load fast

    ones = np.ones(len(labels), np.float32)
    return scipy.sparse.csr_array((ones, (labels, np.arange(len(labels)))), shape=(n_clusters, len(labels))) @ vectors


def compute_centres(vectors: Vectors, labels: Labels, *, fallback: Vectors) -> Vectors:
    """Return the centre of each cluster, `(k, d)`: the mean of its users' vectors, scaled to unit length.

    Args:
        vectors: `(n_users, d)`, unit length.
        labels: Cluster of each user.
        fallback: `(k, d)`, the centres of clusters without users and of clusters whose vectors sum to zero.
    """
    sums = sum_by_cluster(vectors, labels, len(fallback))
    norms = np.linalg.norm(sums, axis=1)
    has_direction = norms > 0
    centres = fallback.copy()
    centres[has_direction] = sums[has_direction] / norms[has_direction, None]
    return centres


def similarity_to_own_centre(vectors: Vectors, labels: Labels, centres: Vectors) -> Vectors:
    """Return the cosine similarity of each user to the centre of its own cluster, `(n_users,)`."""
    blocks = map_blocks(len(vectors), lambda block: np.einsum("ij,ij->i", vectors[block], centres[labels[block]]))
    return np.concatenate(list(blocks))
