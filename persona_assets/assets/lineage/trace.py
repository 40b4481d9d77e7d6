"""Give each day's clusters persona numbers that persist, and record what happened to each persona."""

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from persona_assets import tables
from persona_assets.assets.lineage.match import Matches, match_clusters
from persona_assets.assets.lineage.read_days import ClustersOfDay

# Columns of a row of `tables.LINEAGE`, by name.
LineageRow = dict[str, Any]


def trace_personas(days: Iterable[ClustersOfDay]) -> pa.Table:
    """Assign each day's clusters a `persona_id` that persists over days; return `tables.LINEAGE`, sorted by day.

    The rows of a day only depend on that day and earlier ones. Memory is that of two days and the result.

    Args:
        days: In order. Days without clusters are left out, and the next day is compared with the last one before them.
    """
    rows: list[LineageRow] = []
    before: ClustersOfDay | None = None
    personas: list[int] = []  # the persona of each cluster of the day before
    next_persona_id = 0
    for day in days:
        if before is None:
            rows_of_day = [_row(cluster, "born", cluster) for cluster in range(len(day.centres))]
        else:
            matches = match_clusters(before, day)
            rows_of_day = _continue_personas(matches, personas, next_persona_id)
            for row in rows_of_day:
                row["previous_day"] = before.day
        users = np.bincount(day.clusters, minlength=len(day.centres)).tolist()
        for row in rows_of_day:
            row |= {"day": day.day, "users": 0 if row["cluster_id"] is None else users[row["cluster_id"]]}
        rows += sorted(rows_of_day, key=lambda row: row["persona_id"])
        before, personas = day, _personas_by_cluster(rows_of_day)
        next_persona_id = max(next_persona_id, *(persona + 1 for persona in personas))
    return pa.Table.from_pylist(rows, schema=tables.LINEAGE)


def list_absent_days(days: Sequence[dt.date]) -> list[dt.date]:
    """Return the dates between the first and the last of `days` that are not in `days`, ascending.

    Args:
        days: Ascending.
    """
    return [
        day + dt.timedelta(number) for day, following in pairwise(days) for number in range(1, (following - day).days)
    ]


def _continue_personas(matches: Matches, personas: list[int], next_persona_id: int) -> list[LineageRow]:
    """Return a row for each later cluster, and for each earlier cluster that no later one continues.

    Args:
        matches: The clusters of two days, matched.
        personas: The persona of each earlier cluster.
        next_persona_id: The number of the first new persona.
    """
    rows: list[LineageRow] = []
    for cluster, previous in enumerate(matches.continues.tolist()):
        if previous >= 0:
            row = _row(personas[previous], "continued", cluster) | _match_columns(matches, previous, cluster)
        else:
            row = _row(next_persona_id, "born", cluster) | _split_columns(matches, personas, cluster)
            next_persona_id += 1
        rows.append(row)
    return rows + _rows_of_ended(matches, personas, _personas_by_cluster(rows))


def _split_columns(matches: Matches, personas: list[int], cluster: int) -> LineageRow:
    """Return the columns of a new persona that split off from an earlier one.

    Empty if no earlier cluster had most of its users: the persona is new.
    """
    if not matches.links_back[:, cluster].any():
        return {}
    previous = int(matches.links_back[:, cluster].argmax())
    return {"event": "split", "related_persona_id": personas[previous]} | _match_columns(matches, previous, cluster)


def _rows_of_ended(matches: Matches, personas: list[int], personas_after: list[int]) -> list[LineageRow]:
    """Return a row for each earlier cluster that no later one continues: its persona was merged or is gone.

    Args:
        matches: The clusters of two days, matched.
        personas: The persona of each earlier cluster.
        personas_after: The persona of each later cluster.
    """
    rows: list[LineageRow] = []
    for previous in sorted(set(range(len(personas))) - set(matches.continues.tolist())):
        row = _row(personas[previous], "gone", None) | {"previous_cluster_id": previous}
        if matches.links_forward[previous].any():
            cluster = int(matches.links_forward[previous].argmax())
            merged = {"event": "merged", "related_persona_id": personas_after[cluster]}
            row |= merged | _match_columns(matches, previous, cluster)
        rows.append(row)
    return rows


def _row(persona: int, event: str, cluster: int | None) -> LineageRow:
    return {"persona_id": persona, "event": event, "cluster_id": cluster}


def _match_columns(matches: Matches, previous: int, cluster: int) -> LineageRow:
    """Return the columns that compare an earlier cluster with a later one."""
    cosine = float(matches.centre_similarity[previous, cluster])
    return {
        "previous_cluster_id": previous,
        "shared_users": int(matches.shared[previous, cluster]),
        "overlap": float(matches.overlap_of_expected[previous, cluster]),
        "centre_similarity": None if np.isnan(cosine) else cosine,
    }


def _personas_by_cluster(rows: list[LineageRow]) -> list[int]:
    """Return the persona of each cluster of the day, in order of `cluster_id`."""
    with_cluster = [row for row in rows if row["cluster_id"] is not None]
    return [row["persona_id"] for row in sorted(with_cluster, key=lambda row: row["cluster_id"])]
