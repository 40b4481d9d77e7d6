"""Fill clusters that are too small with the users who lose least by moving."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from persona_assets.clusters.assign import Labels, Vectors

# Similarities of the same pair can differ by this much between two products: a smaller gain is none.
ROUNDING = 1e-6


def fill_small_clusters(vectors: Vectors, centres: Vectors, labels: Labels, *, min_cluster_size: int) -> Labels:
    """Return labels in which every cluster has at least `min_cluster_size` users, at the least loss.

    The loss is the similarity to their centres that all users lose together. It is the least possible for
    these centres: users move one at a time along the cheapest chain of clusters from one with users to spare
    to one that lacks some (successive shortest paths, which is exact for such transport problems; Bradley,
    Bennett and Demiriz, Constrained k-means clustering, 2000, state the problem). The graph has a node a
    cluster and not a user, so a move costs O(k**2 + users of the clusters touched * k * d).

    Args:
        vectors: `(n_users, d)`, unit length; at least `k * min_cluster_size` rows.
        centres: `(k, d)`, unit length; not changed.
        labels: Nearest centre of each user; not changed.
        min_cluster_size: Fewest users of a cluster.
    """
    labels = labels.copy()
    sizes = np.bincount(labels, minlength=len(centres))
    if sizes.min() >= min_cluster_size:
        return labels
    moves = _Moves(vectors, centres, labels)
    while sizes.min() < min_cluster_size:
        path = _cheapest_path(moves.loss, spare=sizes > min_cluster_size, lack=sizes < min_cluster_size)
        moves.along(path)
        sizes[path[0]] -= 1
        sizes[path[-1]] += 1
    return labels


class _Moves:
    """The cheapest move between each two clusters, kept up to date while users move."""

    def __init__(self, vectors: Vectors, centres: Vectors, labels: Labels) -> None:
        self._vectors, self._centres, self._labels = vectors, centres, labels
        k = len(centres)
        self.loss: npt.NDArray[np.float64] = np.full((k, k), np.inf)  # [a, b]: of the cheapest move from a to b
        self._mover: npt.NDArray[np.int64] = np.zeros((k, k), np.int64)  # [a, b]: the user who makes it
        for cluster in range(k):
            self._price(cluster)

    def along(self, path: list[int]) -> None:
        """Move one user over each step of `path`."""
        movers = [self._mover[a, b] for a, b in pairwise(path)]
        self._labels[movers] = path[1:]
        for cluster in path:
            self._price(cluster)

    def _price(self, cluster: int) -> None:
        self.loss[cluster] = np.inf
        members = np.flatnonzero(self._labels == cluster)
        if not len(members):
            return
        similarity = (self._vectors[members] @ self._centres.T).astype(np.float64)
        losses = similarity[:, [cluster]] - similarity
        cheapest = losses.argmin(axis=0)
        self.loss[cluster] = losses[cheapest, np.arange(losses.shape[1])]
        self.loss[cluster, cluster] = np.inf
        self._mover[cluster] = members[cheapest]


def _cheapest_path(
    loss: npt.NDArray[np.float64], *, spare: npt.NDArray[np.bool_], lack: npt.NDArray[np.bool_]
) -> list[int]:
    """Return the clusters of the cheapest chain from one of `spare` to one of `lack` (Bellman and Ford)."""
    k = len(loss)
    price = np.where(spare, 0.0, np.inf)
    came_from = np.full(k, -1)
    for _ in range(k):
        through = price[:, None] + loss
        best = through.argmin(axis=0)
        cheaper = through[best, np.arange(k)] < price - ROUNDING
        if not cheaper.any():
            break
        price[cheaper] = through[best, np.arange(k)][cheaper]
        came_from[cheaper] = best[cheaper]
    path = [int(np.where(lack, price, np.inf).argmin())]
    while came_from[path[0]] >= 0:
        path.insert(0, int(came_from[path[0]]))
    return path
