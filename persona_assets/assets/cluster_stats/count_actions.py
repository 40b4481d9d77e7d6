"""Count the actions of each cluster's users by kind: each action once, whether it has a line or not."""

import numpy as np
import pyarrow as pa

from persona_assets import tables
from persona_assets.common.action_counts import sum_actions_by_cluster, sum_actions_by_hour

# The reference's columns in its order, then those that it lacks.
COUNTED = (
    "post",
    "reply",
    "like",
    "unlike",
    "repost",
    "unrepost",
    "follow",
    "unfollow",
    "block",
    "unblock",
    "post_update",
    "post_delete",
    "quote",
    "ignore",
    "profile_update",
    "account_status",
)
# The reference uses the plural for these two.
COLUMN_NAMES = {"post": "posts", "reply": "replies"}
# Ignored messages are an estimate and not actions, so they are part of no total.
ESTIMATED = "ignore"
COLUMNS = ("users", "total", *(COLUMN_NAMES.get(action, action) for action in COUNTED))

ActionCounts = dict[str, int]  # number by column, in the order of COLUMNS


def count_actions_by_cluster(action_accounting: pa.Table, cluster_users: list[int]) -> list[ActionCounts]:
    """Return the number of users and the number of actions of each kind for each cluster, sorted by `cluster_id`.

    Args:
        action_accounting: `tables.ACTION_ACCOUNTING`.
        cluster_users: Number of users of each cluster.
    """
    counts = sum_actions_by_cluster(action_accounting)
    return [_to_columns(counts.get(cluster, {}), users) for cluster, users in enumerate(cluster_users)]


def count_actions_without_cluster(action_accounting: pa.Table) -> ActionCounts:
    """Return the number of actions of each kind by users in no cluster; the number of users is unknown, given as 0.

    Args:
        action_accounting: `tables.ACTION_ACCOUNTING`.
    """
    return _to_columns(sum_actions_by_cluster(action_accounting).get(None, {}), 0)


def count_actions_by_outcome(action_accounting: pa.Table) -> dict[str, dict[str, int]]:
    """Return the number of actions of the window by action, then outcome, summed over all users.

    Args:
        action_accounting: `tables.ACTION_ACCOUNTING`.

    Returns:
        Actions in the order of `COUNTED`, outcomes sorted by name.
    """
    plain = action_accounting.set_column(1, "action", action_accounting["action"].cast(pa.string()))
    summed = plain.group_by(["action", "outcome"]).aggregate([("actions", "sum")])
    outcomes: dict[str, dict[str, int]] = {}
    for row in sorted(summed.to_pylist(), key=lambda row: (COUNTED.index(row["action"]), row["outcome"])):
        outcomes.setdefault(row["action"], {})[row["outcome"]] = row["actions_sum"]
    return outcomes


def share_actions_by_hour(actions_by_hour: pa.Table, *, n_clusters: int) -> list[list[float]]:
    """Return, for each cluster, the share of its actions in each hour of the day (UTC): 24 shares, 0 without actions.

    Args:
        actions_by_hour: `tables.ACTIONS_BY_HOUR`.
        n_clusters: Number of clusters.
    """
    counts = sum_actions_by_hour(actions_by_hour, n_clusters=n_clusters)
    return (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).tolist()


def median_actions_by_cluster(medians_per_user: pa.Table, *, n_clusters: int) -> list[dict[str, float]]:
    """Return, for each cluster, the median number of actions per user by kind of action; 0 where there are none.

    Args:
        medians_per_user: `tables.ACTIONS_PER_USER`.
        n_clusters: Number of clusters.
    """
    columns = [column for column in COLUMNS if column not in {"users", ESTIMATED, "account_status"}]
    medians = [dict.fromkeys(columns, 0.0) for _ in range(n_clusters)]
    for row in medians_per_user.to_pylist():
        medians[row["cluster_id"]][COLUMN_NAMES.get(row["action"], row["action"])] = row["median"]
    return medians


def sum_counts_over_clusters(counts: list[ActionCounts]) -> ActionCounts:
    """Return the sums over all clusters of each column of their counts.

    Args:
        counts: The counts of each cluster.
    """
    return {column: sum(count[column] for count in counts) for column in COLUMNS}


def _to_columns(counts: ActionCounts, users: int) -> ActionCounts:
    """Return the counts of one cluster with the names and in the order of `COLUMNS`."""
    total = sum(count for action, count in counts.items() if action != ESTIMATED)
    return {
        "users": users,
        "total": total,
        **{COLUMN_NAMES.get(action, action): counts.get(action, 0) for action in COUNTED},
    }


if not set(tables.ACTIONS) <= set(COUNTED):  # a new action must not vanish from the tables
    raise ValueError(f"count_actions.py names no column for {set(tables.ACTIONS) - set(COUNTED)}")
