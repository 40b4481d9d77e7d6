"""Count what the users of each cluster did: each action once, by its author, whatever became of it."""

import numpy as np
import pyarrow as pa

from persona_assets import tables
from persona_assets.common.action_counts import sum_actions, sum_hours

# The reference's columns in its order, with its plurals, and then ours.
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
NAMES = {"post": "posts", "reply": "replies"}
# Estimated, not done: part of no total.
ESTIMATED = "ignore"
COLUMNS = ("users", "total", *(NAMES.get(action, action) for action in COUNTED))

Counts = dict[str, int]  # a number for each of COLUMNS, in their order


def count_by_cluster(accounting: pa.Table, cluster_users: list[int]) -> list[Counts]:
    """Return the counts of each cluster, in order of its number.

    Args:
        accounting: `tables.ACTION_ACCOUNTING`.
        cluster_users: Number of users of each cluster.
    """
    done = sum_actions(accounting)
    return [_name(done.get(cluster, {}), users) for cluster, users in enumerate(cluster_users)]


def count_without_cluster(accounting: pa.Table) -> Counts:
    """Return the counts of users who are in no cluster; `users` is 0, for the accounting does not hold it."""
    return _name(sum_actions(accounting).get(None, {}), 0)


def count_outcomes(accounting: pa.Table) -> dict[str, dict[str, int]]:
    """Return what became of all actions of the window, by action in the order of `COUNTED`, then by outcome.

    Args:
        accounting: `tables.ACTION_ACCOUNTING`.
    """
    plain = accounting.set_column(1, "action", accounting["action"].cast(pa.string()))
    summed = plain.group_by(["action", "outcome"]).aggregate([("actions", "sum")])
    outcomes: dict[str, dict[str, int]] = {}
    for row in sorted(summed.to_pylist(), key=lambda row: (COUNTED.index(row["action"]), row["outcome"])):
        outcomes.setdefault(row["action"], {})[row["outcome"]] = row["actions_sum"]
    return outcomes


def share_by_hour(by_hour: pa.Table, *, n_clusters: int) -> list[list[float]]:
    """Return for each cluster which share of its actions falls into each hour of the day; zeros where it has none.

    Args:
        by_hour: `tables.ACTIONS_BY_HOUR`.
        n_clusters: Their number.
    """
    done = sum_hours(by_hour, n_clusters=n_clusters)
    return (done / np.maximum(done.sum(axis=1, keepdims=True), 1)).tolist()


def name_medians(per_user: pa.Table, *, n_clusters: int) -> list[dict[str, float]]:
    """Return for each cluster how often its median user did each action, by the names of `COLUMNS`.

    Args:
        per_user: `tables.ACTIONS_PER_USER`.
        n_clusters: Their number.
    """
    columns = [column for column in COLUMNS if column not in {"users", ESTIMATED, "account_status"}]
    medians = [dict.fromkeys(columns, 0.0) for _ in range(n_clusters)]
    for row in per_user.to_pylist():
        medians[row["cluster_id"]][NAMES.get(row["action"], row["action"])] = row["median"]
    return medians


def add_up(counts: list[Counts]) -> Counts:
    """Return the sum of `counts`, column by column."""
    return {column: sum(count[column] for count in counts) for column in COLUMNS}


def _name(done: Counts, users: int) -> Counts:
    """Name and order the counts of one cluster as in `COLUMNS`."""
    total = sum(count for action, count in done.items() if action != ESTIMATED)
    return {
        "users": users,
        "total": total,
        **{NAMES.get(action, action): done.get(action, 0) for action in COUNTED},
    }


if not set(tables.ACTIONS) <= set(COUNTED):  # a new action must not vanish from the tables
    raise ValueError(f"count_actions.py names no column for {set(tables.ACTIONS) - set(COUNTED)}")
