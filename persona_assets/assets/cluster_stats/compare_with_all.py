"""Compare how each persona acts with the users of all personas."""

from typing import Any, NamedTuple

import numpy as np

from persona_assets.assets.cluster_stats.count_actions import sum_counts_over_clusters

# Kinds of actions that are compared, with the columns that each adds up.
COMPARED_ACTIONS = {
    "posts": ("posts", "quote"),
    "replies": ("replies",),
    "likes": ("like",),
    "reposts": ("repost",),
    "follows": ("follow",),
}
# A bar ends at this ratio, or at one over it.
MAX_RATIO = 8.0


class Comparison(NamedTuple):
    """How often users of one persona do one kind of action, compared with the users of all personas."""

    action: str
    per_user: float  # mean number for a user of the persona
    of_all: float  # mean number for a user of any persona
    ratio: float | None  # per_user / of_all; None if nobody did it
    start: float  # where a bar begins and how long it is: 0 to 1, 0.5 is a ratio of 1, by the logarithm
    length: float


def compare_with_all(clusters: list[dict[str, Any]]) -> list[list[Comparison]]:
    """Compare each cluster's actions per user with those of all clusters: for each cluster, a list by kind of action.

    Args:
        clusters: The value of `clusters` in `stats.json`.
    """
    totals = sum_counts_over_clusters([cluster["counts"] for cluster in clusters])
    return [
        [_compare(action, columns, cluster["counts"], totals) for action, columns in COMPARED_ACTIONS.items()]
        for cluster in clusters
    ]


def average_shares_by_hour(clusters: list[dict[str, Any]]) -> list[float]:
    """Return the clusters' mean share of each hour of the day (UTC), weighted by actions: 24 shares, 0 without any."""
    weights = np.array([cluster["counts"]["total"] for cluster in clusters], float)
    hours = np.array([cluster["hours"] for cluster in clusters], float)
    return (weights @ hours / max(weights.sum(), 1)).round(4).tolist()


def _compare(action: str, columns: tuple[str, ...], counts: dict[str, int], totals: dict[str, int]) -> Comparison:
    own, of_all = (sum(of[column] for column in columns) / max(of["users"], 1) for of in (counts, totals))
    ratio = own / of_all if of_all else None
    share = 0.5 + np.log(np.clip(ratio or 1 / MAX_RATIO, 1 / MAX_RATIO, MAX_RATIO)) / (2 * np.log(MAX_RATIO))
    if ratio is None:
        share = 0.5
    return Comparison(action, own, of_all, ratio, round(float(min(share, 0.5)), 3), round(float(abs(share - 0.5)), 3))
