"""Divide the users of each cluster into groups of users who act alike often, one group for each agent."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class UserGroups(NamedTuple):
    """Groups of users: the group of each user, and the cluster of each group; sorted by cluster, then by activity."""

    cluster_of_group: Numbers  # (groups,), ascending
    group_of_user: Numbers  # (users,); -1 for users of clusters that are too small
    small_clusters: int  # number of clusters with fewer users than a group needs


def group_users(clusters: Numbers, activity: Numbers, *, max_groups: int, min_users: int) -> UserGroups:
    """Divide the users of each cluster into groups of at least `min_users`, by rank of activity (microaggregation).

    Clusters with enough users get one group, and further ones in proportion to their users. The mean of a group
    of k users says nothing about one of them that k - 1 others do not share (k-anonymity by microaggregation:
    Domingo-Ferrer and Mateo-Sanz, 2002).

    Args:
        clusters: The cluster of each user, from 0.
        activity: Number of actions of each user. Ties are broken by the order of users.
        max_groups: Maximum number of groups. Clusters with enough users have one, even if those are more.
        min_users: Minimum number of users of a group.
    """
    sizes = np.bincount(clusters)
    groups_of_cluster = _allocate(sizes, max_groups=max_groups, min_users=min_users)
    group_of_user = np.full(len(clusters), -1)
    order = np.lexsort((np.arange(len(clusters)), activity, clusters))
    starts, first_group = np.concatenate([[0], np.cumsum(sizes)]), 0
    for cluster, groups in enumerate(groups_of_cluster.tolist()):
        if groups:
            members = order[starts[cluster] : starts[cluster + 1]]
            for group, part in enumerate(np.array_split(members, groups), first_group):
                group_of_user[part] = group
        first_group += groups
    return UserGroups(
        np.repeat(np.arange(len(sizes)), groups_of_cluster), group_of_user, int((groups_of_cluster == 0).sum())
    )


def _allocate(sizes: Numbers, *, max_groups: int, min_users: int) -> Numbers:
    """Return the number of groups of each cluster: 0 for clusters with fewer than `min_users` users."""
    most = sizes // min_users
    groups = np.minimum(most, 1)
    wanted = max(int(groups.sum()), min(max_groups, int(most.sum())))
    exact = wanted * sizes * groups / max(1, int((sizes * groups).sum()))
    # The next group goes to the cluster that has the fewest for its users, and users for one more.
    while groups.sum() < wanted:
        groups[int(np.where(groups < most, exact - groups, -np.inf).argmax())] += 1
    return groups
