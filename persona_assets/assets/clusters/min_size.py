"""Leave no cluster too small: fill it with the users who lose least by moving, or dissolve it."""

from bisect import bisect_right, insort
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from persona_assets.assets.clusters.assign import Labels, Vectors, assign_nearest

# Users remembered of each search for the cheapest.
REMEMBERED = 64

Prices = npt.NDArray[np.float64]


def fill_small_clusters(vectors: Vectors, centres: Vectors, labels: Labels, *, min_cluster_size: int) -> Labels:
    """Return labels in which every cluster has at least `min_cluster_size` users, at the least loss.

    The loss is the similarity to their centres that all users lose together. It is the least possible for
    these centres (up to the rounding of float32): users move one at a time along the cheapest chain of
    clusters, from one with users to spare to one that lacks some. These are the successive shortest paths of
    a minimum cost flow; Bradley, Bennett and Demiriz, Constrained k-means clustering (2000), state the
    problem, and k-means-constrained solves it with a node a user. Here a node is a cluster: one pass over all
    users prices the moves, and then a move costs O(k), and now and then a search of one cluster. Equal users move
    together, as many as there are: thousands of them would otherwise be moved in as many searches for a chain.

    Args:
        vectors: `(n_users, d)`, unit length; at least `k * min_cluster_size` rows.
        centres: `(k, d)`, unit length; not changed.
        labels: Nearest centre of each user; not changed.
        min_cluster_size: Fewest users of a cluster.
    """
    sizes = np.bincount(labels, minlength=len(centres))
    if sizes.min() >= min_cluster_size:
        return labels
    labels = labels.copy()
    moves = _Moves(vectors, centres, labels)
    level = np.zeros(len(centres))
    for small in np.flatnonzero(sizes < min_cluster_size):
        while sizes[small] < min_cluster_size:
            path = _cheapest_path(moves, level, to=int(small), spare=sizes > min_cluster_size)
            most = min(min_cluster_size - sizes[small], sizes[path[0]] - min_cluster_size)
            moved = moves.along(path, most=int(most))
            sizes[path[0]] -= moved
            sizes[small] += moved
    return labels


def dissolve_small_clusters(
    vectors: Vectors, centres: Vectors, labels: Labels, *, min_cluster_size: int
) -> tuple[Vectors, Labels]:
    """Return fewer centres and the labels for them: the smallest cluster goes, until none is too small.

    Its users go to their nearest centre of those that are left. One cluster is left at least.

    Args:
        vectors: `(n_users, d)`, unit length.
        centres: `(k, d)`, unit length; not changed.
        labels: Nearest centre of each user; not changed.
        min_cluster_size: Fewest users of a cluster.
    """
    sizes = np.bincount(labels, minlength=len(centres))
    while sizes.min() < min_cluster_size and len(centres) > 1:
        smallest = int(sizes.argmin())
        centres = np.delete(centres, smallest, axis=0)
        users = np.flatnonzero(labels == smallest)
        labels = labels - (labels > smallest)
        if len(users):
            labels[users] = assign_nearest(vectors[users], centres).labels
        sizes = np.bincount(labels, minlength=len(centres))
    return centres, labels


class _Moves:
    """The cheapest move between each two clusters, kept up to date while users move.

    A price that may have risen is looked up again only when it is asked for, and then the next cheapest are
    remembered, so that a large cluster is not searched for each of its users who leaves.
    """

    def __init__(self, vectors: Vectors, centres: Vectors, labels: Labels) -> None:
        self._vectors, self._centres, self._labels = vectors, centres, labels
        self._kind = _find_kinds(vectors)
        self._copies = np.bincount(self._kind)
        k = len(centres)
        self._loss: Prices = np.full((k, k), np.inf)  # [b, a]: of the cheapest move to b from a
        self._mover: npt.NDArray[np.int64] = np.full((k, k), -1)  # [b, a]: the user who makes it
        self._stale = np.zeros((k, k), bool)  # [b, a]: that user has left a, so the loss is at least this
        self._next: list[dict[int, list[tuple[float, int]]]] = [{} for _ in range(k)]  # [a][b]: cheapest first
        for cluster, members in enumerate(_members_by_cluster(labels, k)):
            if len(members):
                similarity = vectors[members] @ centres.T
                losses = similarity[:, [cluster]] - similarity
                cheapest = losses.argmin(axis=0)
                self._loss[:, cluster] = losses[cheapest, np.arange(k)]
                self._mover[:, cluster] = members[cheapest]
        np.fill_diagonal(self._loss, np.inf)

    def into(self, cluster: int, *, from_cluster: Prices, spare: npt.NDArray[np.bool_], most: float) -> Prices:
        """Return the price of the cheapest move to `cluster` from each cluster, `(k,)`, inf where it is not needed.

        Prices that may have risen are looked up, the lowest first, as long as they are lower than `most` and
        than every known price from a cluster with users to spare: a chain ends there.

        Args:
            cluster: Where to.
            from_cluster: `(k,)`, added to the loss.
            spare: Which clusters have users to spare.
            most: Prices above it are not needed.
        """
        prices = np.maximum(self._loss[cluster] + from_cluster, 0)
        stale = self._stale[cluster].copy()
        most = min(most, float(prices[spare & ~stale].min(initial=np.inf)))
        for origin in np.argsort(prices, kind="stable").tolist():
            if prices[origin] >= most:
                break
            if stale[origin]:
                self._refresh(cluster, origin)
                prices[origin], stale[origin] = max(self._loss[cluster, origin] + from_cluster[origin], 0), False
                most = min(most, prices[origin]) if spare[origin] else most
        prices[stale] = np.inf
        return prices

    def along(self, path: list[int], *, most: int) -> int:
        """Move users over each step of `path`, and return how many: equal ones together, `most` at most.

        A user who comes and an equal one who goes on are one who moves at once: the loss is the same.
        """
        steps: list[tuple[int, int, int]] = []  # from, to, and who is the cheapest
        for a, b in pairwise(path):
            mover = int(self._mover[b, a])
            if steps and self._kind[steps[-1][2]] == self._kind[mover]:
                steps[-1] = (steps[-1][0], b, steps[-1][2])
            else:
                steps.append((a, b, mover))
        movers = [self._find_equal(mover, a) for a, _, mover in steps]
        together = min(most, *map(len, movers))
        for (_, b, _), users in zip(steps, movers, strict=True):
            self._labels[users[:together]] = b
        for (a, b, _), users in zip(steps, movers, strict=True):
            self._stale[:, a] |= np.isin(self._mover[:, a], users[:together])
            self._welcome(users[:together], b)
        return together

    def _find_equal(self, user: int, cluster: int) -> npt.NDArray[np.int64]:
        if self._copies[self._kind[user]] == 1:
            return np.array([user])
        return np.flatnonzero((self._kind == self._kind[user]) & (self._labels == cluster))

    def _refresh(self, cluster: int, origin: int) -> None:
        queue = self._next[origin].setdefault(cluster, [])
        while queue and self._labels[queue[0][1]] != origin:
            queue.pop(0)
        if not queue:
            queue.extend(self._search(origin, cluster))
        self._loss[cluster, origin], self._mover[cluster, origin] = queue[0] if queue else (np.inf, -1)
        self._stale[cluster, origin] = False

    def _search(self, origin: int, cluster: int) -> list[tuple[float, int]]:
        members = np.flatnonzero(self._labels == origin)
        losses = self._vectors[members] @ (self._centres[origin] - self._centres[cluster])
        cheapest = np.argsort(losses, kind="stable")[:REMEMBERED]
        return list(zip(losses[cheapest].tolist(), members[cheapest].tolist(), strict=True))

    def _welcome(self, users: npt.NDArray[np.int64], cluster: int) -> None:
        """Note the moves that `users`, equal and new in `cluster`, make cheaper."""
        losses = (self._centres[cluster] - self._centres) @ self._vectors[users[0]]
        better = losses < self._loss[:, cluster]
        better[cluster] = False
        self._loss[better, cluster], self._mover[better, cluster] = losses[better], users[0]
        self._stale[better, cluster] = False
        for target, queue in self._next[cluster].items():
            if queue and losses[target] < queue[-1][0]:
                loss = float(losses[target])
                for user in users[:REMEMBERED].tolist():
                    insort(queue, (loss, user))
                if len(users) > REMEMBERED:  # what comes after those that are left out is searched for again
                    del queue[bisect_right(queue, (loss, int(users[REMEMBERED - 1]))) :]


def _find_kinds(vectors: Vectors) -> npt.NDArray[np.int64]:
    """Number users so that those with the same bytes have the same number, `(n_users,)`.

    Numbers are remainders by 2 ** 64 of sums over a row, exact in any order, which rows that differ share by a chance
    of one in a billion; rows are compared where they do.
    """
    factors = np.random.default_rng(0).integers(0, 1 << 63, vectors.shape[1], np.uint64) * 2 + 1
    sums = [
        np.einsum("ij,j->i", np.ascontiguousarray(vectors[start : start + 4096]).view(np.uint32), factors)
        for start in range(0, len(vectors), 4096)
    ]
    _, first, kinds = np.unique(np.concatenate(sums), return_index=True, return_inverse=True)
    of_same_bytes = (vectors == vectors[first[kinds]]).all(axis=1)
    kinds[~of_same_bytes] = len(first) + np.arange(np.count_nonzero(~of_same_bytes))
    return kinds


def _members_by_cluster(labels: Labels, n_clusters: int) -> list[npt.NDArray[np.int64]]:
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.searchsorted(labels[order], np.arange(1, n_clusters)))


def _cheapest_path(moves: _Moves, level: Prices, *, to: int, spare: npt.NDArray[np.bool_]) -> list[int]:
    """Return the clusters of the cheapest chain from one of `spare` to `to`, by Dijkstra from its end.

    Earlier moves can make a move a gain. `level` (Johnson's potentials) keeps prices from falling below zero:
    it is 0 for clusters with users to spare, and is brought up to date here.
    """
    price = np.full(len(level), np.inf)
    price[to] = 0
    towards = np.full(len(level), -1)
    settled = np.zeros(len(level), bool)
    while True:
        here = int(np.where(settled, np.inf, price).argmin())
        if spare[here]:
            break
        settled[here] = True
        most = float(price[spare].min(initial=np.inf)) - price[here]
        through = price[here] + moves.into(here, from_cluster=level[here] - level, spare=spare, most=most)
        cheaper = (through < price) & ~settled
        price[cheaper] = through[cheaper]
        towards[cheaper] = here
    level[settled] -= price[here] - price[settled]
    path = [here]
    while path[-1] != to:
        path.append(int(towards[path[-1]]))
    return path
