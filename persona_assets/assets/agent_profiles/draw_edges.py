"""Draw edges between agents as they are between the users of their groups: by persona and by degree."""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


def draw_edges(
    edges: Numbers, group_of_user: Numbers, cluster_of_group: Numbers, random: np.random.Generator
) -> Numbers:
    """Draw a directed graph of agents by a degree-corrected stochastic block model (Karrer and Newman, 2011).

    An agent has the mean out-degree of its group's users, rounded at random, as far as there are as many other agents.
    Its targets are drawn without replacement: by the number of edges between the two clusters, and by the mean
    in-degree of the target's group. No edge of two users is copied.

    Args:
        edges: (edges, 2), rows of users: who acts, and whom it concerns.
        group_of_user: The group of each user, -1 for none. One group is one agent.
        cluster_of_group: The cluster of each group.
        random: The source of random numbers.

    Returns:
        (edges, 2) int64, numbers of agents, distinct and sorted.
    """
    n_agents, n_clusters = len(cluster_of_group), int(cluster_of_group.max(initial=-1)) + 1
    sources, targets = group_of_user[edges].T
    known = (sources >= 0) & (targets >= 0)
    sources, targets = sources[known], targets[known]
    users = np.maximum(1, np.bincount(group_of_user[group_of_user >= 0], minlength=n_agents))
    out_degree = np.bincount(sources, minlength=n_agents) / users
    in_degree = np.bincount(targets, minlength=n_agents) / users
    between = np.zeros((n_clusters, n_clusters))
    np.add.at(between, (cluster_of_group[sources], cluster_of_group[targets]), 1)
    in_cluster = np.bincount(cluster_of_group, weights=in_degree, minlength=n_clusters)
    share = in_degree / np.maximum(in_cluster[cluster_of_group], 1e-300)
    degrees = np.floor(out_degree + random.random(n_agents)).astype(np.int64)
    drawn: list[tuple[int, int]] = []
    for agent in range(n_agents):
        weights = between[cluster_of_group[agent], cluster_of_group] * share
        weights[agent] = 0
        count = min(int(degrees[agent]), int((weights > 0).sum()))
        if count:
            chosen = random.choice(n_agents, size=count, replace=False, p=weights / weights.sum())
            drawn.extend((agent, int(other)) for other in np.sort(chosen))
    return np.array(drawn, np.int64).reshape(-1, 2)
