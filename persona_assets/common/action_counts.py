"""Sum the counts that lie beside the files of personas: by cluster and action, by cluster and hour."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets import tables

HOURS = 24


def sum_actions(accounting: pa.Table) -> dict[int | None, dict[str, int]]:
    """Return how often each action was done, by cluster; None is the users in no cluster.

    An action counts whatever became of it. What the files of two days hold was done once.

    Args:
        accounting: `tables.ACTION_ACCOUNTING`.
    """
    accounting = accounting.filter(pc.field("outcome") != tables.SEEN_BEFORE)
    place = accounting.schema.get_field_index("action")
    plain = accounting.set_column(place, "action", accounting["action"].cast(pa.string()))
    summed = plain.group_by(["cluster_id", "action"]).aggregate([("actions", "sum")])
    done: dict[int | None, dict[str, int]] = {}
    for row in summed.to_pylist():
        done.setdefault(row["cluster_id"], {})[row["action"]] = row["actions_sum"]
    return done


def sum_hours(by_hour: pa.Table, *, n_clusters: int) -> npt.NDArray[np.float64]:
    """Return the number of actions in each hour of the day (UTC): float64 `(n_clusters, 24)`.

    Args:
        by_hour: `tables.ACTIONS_BY_HOUR`.
        n_clusters: Number of clusters.
    """
    done = np.zeros((n_clusters, HOURS))
    np.add.at(done, (by_hour["cluster_id"].to_numpy(), by_hour["hour"].to_numpy()), by_hour["actions"].to_numpy())
    return done
