"""Sum action counts of `cluster_jsonl` by cluster and action, and by cluster and hour."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets import tables

HOURS = 24


def sum_actions_by_cluster(action_accounting: pa.Table) -> dict[int | None, dict[str, int]]:
    """Return the number of actions by cluster, then action, of all outcomes; key None is users without a cluster.

    All outcomes count, but events that the file of an earlier day has too are counted once.

    Args:
        action_accounting: `tables.ACTION_ACCOUNTING`.
    """
    action_accounting = action_accounting.filter(pc.field("outcome") != tables.SEEN_BEFORE)
    place = action_accounting.schema.get_field_index("action")
    plain = action_accounting.set_column(place, "action", action_accounting["action"].cast(pa.string()))
    summed = plain.group_by(["cluster_id", "action"]).aggregate([("actions", "sum")])
    counts: dict[int | None, dict[str, int]] = {}
    for row in summed.to_pylist():
        counts.setdefault(row["cluster_id"], {})[row["action"]] = row["actions_sum"]
    return counts


def sum_actions_by_hour(actions_by_hour: pa.Table, *, n_clusters: int) -> npt.NDArray[np.float64]:
    """Return the number of actions of each cluster in each hour of the day (UTC): float64 `(n_clusters, 24)`.

    Args:
        actions_by_hour: `tables.ACTIONS_BY_HOUR`.
        n_clusters: Number of clusters.
    """
    counts = np.zeros((n_clusters, HOURS))
    np.add.at(
        counts,
        (actions_by_hour["cluster_id"].to_numpy(), actions_by_hour["hour"].to_numpy()),
        actions_by_hour["actions"].to_numpy(),
    )
    return counts
