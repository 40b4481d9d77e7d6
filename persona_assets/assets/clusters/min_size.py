"""Enforce a minimum cluster size: fill small clusters at the least loss of similarity, or dissolve them."""

from bisect import bisect_right, insort
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from persona_assets.post_vectors.assign import Float64Array, Int64Array, Labels, Vectors, assign_nearest

# Number of cheapest moves that a search of a cluster keeps, so that the next moves from it need no search.
KEPT_MOVES = 64


def fill_small_clusters(vectors: Vectors, centres: Vectors, labels: Labels, *, min_cluster_size: int) -> Labels:
    """Move users into clusters below `min_cluster_size`, at the least total loss of cosine similarity; return labels.

    The loss of a move is the decrease of the user's cosine to its centre. The total is the minimum for these centres,
    up to the rounding of float32. This is a minimum-cost flow problem, stated by Bradley, Bennett and Demiriz,
    Constrained k-means clustering (2000), and solved here by successive shortest paths: users move along the cheapest
    path of clusters, from one above the minimum size to one below it.

    k-means-constrained solves it with a node per user. Here a node is a cluster. One pass over all users prices the
    moves; a move then costs O(k), and sometimes a search of one cluster. Users with equal vectors move together,
    because thousands of them would otherwise need as many searches for a path.

    Args:
        vectors: `(n_users, d)`, unit length; at least `k * min_cluster_size` rows.
        centres: `(k, d)`, unit length; not changed.
        labels: Nearest centre of each user; not changed.
        min_cluster_size: Minimum number of users in a cluster.

    Returns:
        `(n_users,)`; `labels` itself if no cluster is too small.
    """
    sizes = np.bincount(labels, minlength=len(centres))
    if sizes.min() >= min_cluster_size:
        return labels
    labels = labels.copy()
    moves = _CheapestMoves(vectors, centres, labels)
    potential = np.zeros(len(centres))
    for small in np.flatnonzero(sizes < min_cluster_size):
        while sizes[small] < min_cluster_size:
            path = _cheapest_path(moves, potential, target=int(small), is_above_minimum=sizes > min_cluster_size)
            max_users = min(min_cluster_size - sizes[small], sizes[path[0]] - min_cluster_size)
            moved = moves.move_along(path, max_users=int(max_users))
            sizes[path[0]] -= moved
            sizes[small] += moved
    return labels


def dissolve_small_clusters(
    vectors: Vectors, centres: Vectors, labels: Labels, *, min_cluster_size: int
) -> tuple[Vectors, Labels]:
    """Give the users of the smallest cluster to the others until none is too small; return the centres left and labels.

    The users of a removed cluster join the nearest centre left. At least one cluster is left.

    Args:
        vectors: `(n_users, d)`, unit length.
        centres: `(k, d)`, unit length; not changed.
        labels: Nearest centre of each user; not changed.
        min_cluster_size: Minimum number of users in a cluster.
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


class _CheapestMoves:
    """The cheapest move of one user between each pair of clusters, kept up to date while users move.

    A move whose user has left is only searched for again when its price is asked for. The search then keeps the next
    cheapest moves too, so that a large cluster is not searched for each user who leaves it.
    """

    def __init__(self, vectors: Vectors, centres: Vectors, labels: Labels) -> None:
        """Price the moves between all pairs of clusters; `labels` is updated in place when users move."""
        self._vectors, self._centres, self._labels = vectors, centres, labels
        self._distinct_row = _number_distinct_rows(vectors)
        self._copies = np.bincount(self._distinct_row)
        k = len(centres)
        self._loss: Float64Array = np.full((k, k), np.inf)  # [target, origin]: of the cheapest move
        self._mover: Int64Array = np.full((k, k), -1)  # [target, origin]: the user who makes it
        # [target, origin]: that user has left the origin, so that the true loss may be higher
        self._is_stale = np.zeros((k, k), bool)
        # [origin][target]: (loss, user), ascending
        self._next_moves: list[dict[int, list[tuple[float, int]]]] = [{} for _ in range(k)]
        for cluster, members in enumerate(_members_by_cluster(labels, k)):
            if len(members):
                similarity = vectors[members] @ centres.T
                losses = similarity[:, [cluster]] - similarity
                cheapest = losses.argmin(axis=0)
                self._loss[:, cluster] = losses[cheapest, np.arange(k)]
                self._mover[:, cluster] = members[cheapest]
        np.fill_diagonal(self._loss, np.inf)

    def prices_into(
        self, target: int, *, offsets: Float64Array, is_above_minimum: npt.NDArray[np.bool_], max_price: float
    ) -> Float64Array:
        """Return the price of the cheapest move to `target` from each cluster, `(k,)`.

        Stale prices are brought up to date in ascending order. That stops at `max_price`, and at the lowest price from
        a cluster above the minimum size, because a path ends there. Stale prices left are infinite.

        Args:
            target: The cluster that a user moves to.
            offsets: `(k,)`, added to the loss of a move from each cluster.
            is_above_minimum: `(k,)`, the clusters that can give users away.
            max_price: Higher prices need not be up to date.
        """
        prices = np.maximum(self._loss[target] + offsets, 0)
        is_stale = self._is_stale[target].copy()
        max_price = min(max_price, float(prices[is_above_minimum & ~is_stale].min(initial=np.inf)))
        for origin in np.argsort(prices, kind="stable").tolist():
            if prices[origin] >= max_price:
                break
            if is_stale[origin]:
                self._refresh(target, origin)
                prices[origin], is_stale[origin] = max(self._loss[target, origin] + offsets[origin], 0), False
                max_price = min(max_price, prices[origin]) if is_above_minimum[origin] else max_price
        prices[is_stale] = np.inf
        return prices

    def move_along(self, path: list[int], *, max_users: int) -> int:
        """Move the cheapest user along each edge of `path`, so that its last cluster grows; return by how many users.

        Users with equal vectors move together, `max_users` at most. If the user of one edge equals that of the next,
        both edges become one move: the loss is the same.
        """
        steps: list[tuple[int, int, int]] = []  # origin, target, cheapest user
        for origin, target in pairwise(path):
            mover = int(self._mover[target, origin])
            if steps and self._distinct_row[steps[-1][2]] == self._distinct_row[mover]:
                steps[-1] = (steps[-1][0], target, steps[-1][2])
            else:
                steps.append((origin, target, mover))
        movers = [self._find_equal_users(mover, origin) for origin, _, mover in steps]
        moved = min(max_users, *map(len, movers))
        for (_, target, _), users in zip(steps, movers, strict=True):
            self._labels[users[:moved]] = target
        for (origin, target, _), users in zip(steps, movers, strict=True):
            self._is_stale[:, origin] |= np.isin(self._mover[:, origin], users[:moved])
            self._add_moves_of(users[:moved], target)
        return moved

    def _find_equal_users(self, user: int, cluster: int) -> Int64Array:
        """Return the users of `cluster` whose vectors equal that of `user`."""
        if self._copies[self._distinct_row[user]] == 1:
            return np.array([user])
        return np.flatnonzero((self._distinct_row == self._distinct_row[user]) & (self._labels == cluster))

    def _refresh(self, target: int, origin: int) -> None:
        """Bring the cheapest move from `origin` to `target` up to date."""
        queue = self._next_moves[origin].setdefault(target, [])
        while queue and self._labels[queue[0][1]] != origin:
            queue.pop(0)
        if not queue:
            queue.extend(self._search(origin, target))
        self._loss[target, origin], self._mover[target, origin] = queue[0] if queue else (np.inf, -1)
        self._is_stale[target, origin] = False

    def _search(self, origin: int, target: int) -> list[tuple[float, int]]:
        """Return the `KEPT_MOVES` cheapest moves from `origin` to `target`, as (loss, user), ascending."""
        members = np.flatnonzero(self._labels == origin)
        losses = self._vectors[members] @ (self._centres[origin] - self._centres[target])
        cheapest = np.argsort(losses, kind="stable")[:KEPT_MOVES]
        return list(zip(losses[cheapest].tolist(), members[cheapest].tolist(), strict=True))

    def _add_moves_of(self, users: Int64Array, cluster: int) -> None:
        """Update the moves out of `cluster` with those of `users`, who have equal vectors and have just joined it."""
        losses = (self._centres[cluster] - self._centres) @ self._vectors[users[0]]
        is_cheaper = losses < self._loss[:, cluster]
        is_cheaper[cluster] = False
        self._loss[is_cheaper, cluster], self._mover[is_cheaper, cluster] = losses[is_cheaper], users[0]
        self._is_stale[is_cheaper, cluster] = False
        for target, queue in self._next_moves[cluster].items():
            if queue and losses[target] < queue[-1][0]:
                loss = float(losses[target])
                for user in users[:KEPT_MOVES].tolist():
                    insort(queue, (loss, user))
                if len(users) > KEPT_MOVES:  # the queue would skip the users left out: what follows is searched again
                    del queue[bisect_right(queue, (loss, int(users[KEPT_MOVES - 1]))) :]


def _number_distinct_rows(vectors: Vectors) -> Int64Array:
    """Return a number for each row, `(n_users,)`, equal for rows with the same bytes.

    The numbers come from hashes: sums over a row modulo 2**64, which are exact in any order. Different rows have equal
    hashes with a probability of one in a billion. Rows with equal hashes are compared, and numbered apart if different.
    """
    factors = np.random.default_rng(0).integers(0, 1 << 63, vectors.shape[1], np.uint64) * 2 + 1
    hashes = [
        np.einsum("ij,j->i", np.ascontiguousarray(vectors[start : start + 4096]).view(np.uint32), factors)
        for start in range(0, len(vectors), 4096)
    ]
    _, first, numbers = np.unique(np.concatenate(hashes), return_index=True, return_inverse=True)
    is_same = (vectors == vectors[first[numbers]]).all(axis=1)
    numbers[~is_same] = len(first) + np.arange(np.count_nonzero(~is_same))
    return numbers


def _members_by_cluster(labels: Labels, n_clusters: int) -> list[Int64Array]:
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.searchsorted(labels[order], np.arange(1, n_clusters)))


def _cheapest_path(
    moves: _CheapestMoves, potential: Float64Array, *, target: int, is_above_minimum: npt.NDArray[np.bool_]
) -> list[int]:
    """Return the clusters on the cheapest path from one above the minimum size to `target`.

    Dijkstra's algorithm, run backwards from `target`. Earlier moves can make the loss of a move negative. `potential`
    (Johnson's potentials, `(k,)`) keeps prices at 0 or more: it is 0 for clusters above the minimum size, and is
    updated in place.
    """
    price = np.full(len(potential), np.inf)
    price[target] = 0
    successor = np.full(len(potential), -1)
    is_settled = np.zeros(len(potential), bool)
    while True:
        here = int(np.where(is_settled, np.inf, price).argmin())
        if is_above_minimum[here]:
            break
        is_settled[here] = True
        max_price = float(price[is_above_minimum].min(initial=np.inf)) - price[here]
        prices = moves.prices_into(
            here, offsets=potential[here] - potential, is_above_minimum=is_above_minimum, max_price=max_price
        )
        price_via_here = price[here] + prices
        is_cheaper = (price_via_here < price) & ~is_settled
        price[is_cheaper] = price_via_here[is_cheaper]
        successor[is_cheaper] = here
    potential[is_settled] -= price[here] - price[is_settled]
    path = [here]
    while path[-1] != target:
        path.append(int(successor[path[-1]]))
    return path
