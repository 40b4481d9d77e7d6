"""Group personas into coarser levels: those of a nested clustering, or by the similarity of clusters."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from persona_assets.assets.cluster_stats.distinctive_words import NO_WORDS
from persona_assets.common.pictures import Floats, Ints

# Fewer clusters are not grouped; more than this many get two levels of groups.
MIN_CLUSTERS, MANY_CLUSTERS = 8, 200
# Personas that a group is named after, and the maximum length of each part.
NAMED_AFTER, MAX_PART_CHARACTERS = 3, 24


class GroupLevel(NamedTuple):
    """One level of groups of clusters: the group number of each cluster, and the groups' names."""

    group_of: list[int]  # of each cluster, numbered by number of users, largest first
    names: list[str]  # of each group, after its largest personas


class PersonaGroups(NamedTuple):
    """Levels of groups of clusters, coarsest first; each group lies in one group of the coarser level."""

    levels: list[GroupLevel]  # coarsest first
    is_nested_clustering: bool  # False: the groups were made here, by the similarity of clusters


def group_personas(
    paths: Sequence[Sequence[int]], similarity: Floats, users: Sequence[int], names: Sequence[str]
) -> PersonaGroups:
    """Return the groups of clusters on coarser levels: the clustering's own, or else by average linkage.

    Args:
        paths: Of each cluster, its clusters on the coarser levels, coarsest first, without itself; empty lists if the
            clustering has one level.
        similarity: float32 `(k, k)`, cosine similarity of the mean vectors of each two clusters.
        users: Number of users of each cluster.
        names: Short name of each cluster, such as its best phrase; empty if it has none.

    Returns:
        No levels for fewer than `MIN_CLUSTERS` clusters in a clustering of one level.
    """
    is_nested = bool(paths) and bool(paths[0])
    labels = np.array(paths).T if is_nested else np.array(_link(similarity), np.int64)
    return PersonaGroups([_name_groups(level, users, names) for level in labels], is_nested)


def list_coarser_clusters(levels: Sequence[Sequence[int]], clusters: Ints, n_clusters: int) -> list[list[int]]:
    """Return, for each cluster, the cluster on each coarser level that contains it, coarsest first.

    Args:
        levels: `levels` of `cluster_certainty` of each user: coarsest first, its own cluster last.
        clusters: Cluster of each user.
        n_clusters: Number of clusters.
    """
    paths: list[list[int]] = [[] for _ in range(n_clusters)]
    for path, cluster in zip(levels, clusters.tolist(), strict=True):
        if not paths[cluster]:
            paths[cluster] = list(path[:-1])
    return paths


def _link(similarity: Floats) -> list[Any]:
    """Return the groups of each cluster on each level by average linkage of cosine distances, coarsest first."""
    k = len(similarity)
    if k < MIN_CLUSTERS:
        return []
    from scipy.cluster.hierarchy import fcluster, linkage  # noqa: PLC0415 - 0.1 s, and definitions must load fast

    # Rounded, so that ties are broken by the order of clusters and not by the last bit.
    distance = np.round(1 - similarity.astype(np.float64), 5)
    tree = linkage(distance[np.triu_indices(k, 1)], method="average")
    numbers = (round(k ** (1 / 3)), round(k ** (2 / 3))) if k > MANY_CLUSTERS else (round(k**0.5),)
    return [fcluster(tree, number, criterion="maxclust") for number in numbers]


def _name_groups(labels: Any, users: Sequence[int], names: Sequence[str]) -> GroupLevel:
    members: dict[int, list[int]] = {}
    for cluster, label in enumerate(np.asarray(labels).tolist()):
        members.setdefault(label, []).append(cluster)
    groups = sorted(members.values(), key=lambda group: (-sum(users[one] for one in group), group[0]))
    group_of = [0] * len(names)
    for number, group in enumerate(groups):
        for cluster in group:
            group_of[cluster] = number
    return GroupLevel(group_of, [_name_group(group, users, names) for group in groups])


def _name_group(group: Sequence[int], users: Sequence[int], names: Sequence[str]) -> str:
    largest = sorted(group, key=lambda one: (-users[one], one))
    parts = list(dict.fromkeys(_shorten(names[one]) for one in largest if names[one])) or [NO_WORDS]
    return ", ".join(parts[:NAMED_AFTER]) + ("…" if len(parts) > NAMED_AFTER else "")


def _shorten(name: str) -> str:
    return name if len(name) <= MAX_PART_CHARACTERS else f"{name[:MAX_PART_CHARACTERS].rstrip()}…"
