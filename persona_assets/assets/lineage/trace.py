"""Follow personas through the days: numbers that persist, and what happened to each."""

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from persona_assets import tables
from persona_assets.assets.lineage.match import Matches, match_clusters
from persona_assets.assets.lineage.read_days import Day

Row = dict[str, Any]


def trace_personas(days: Iterable[Day]) -> pa.Table:
    """Return `tables.LINEAGE` of all days, by day and persona.

    A day's rows depend on the days up to it alone. Memory is that of two days.

    Args:
        days: In their order; days without clusters are left out, and the next is compared with the last one there.
    """
    rows: list[Row] = []
    before: Day | None = None
    personas: list[int] = []  # of each cluster of the day before
    given = 0  # numbers
    for day in days:
        if before is None:
            found = [_row(cluster, "born", cluster) for cluster in range(len(day.centres))]
        else:
            matches = match_clusters(before, day)
            found = _follow(matches, personas, given)
            for row in found:
                row["previous_day"] = before.day
        users = np.bincount(day.clusters, minlength=len(day.centres)).tolist()
        for row in found:
            row |= {"day": day.day, "users": 0 if row["cluster_id"] is None else users[row["cluster_id"]]}
        rows += sorted(found, key=lambda row: row["persona_id"])
        before, personas = day, _personas_by_cluster(found)
        given = max(given, *(persona + 1 for persona in personas))
    return pa.Table.from_pylist(rows, schema=tables.LINEAGE)


def find_holes(days: Sequence[dt.date]) -> list[dt.date]:
    """Return the days between the first and the last that are not there."""
    return [
        day + dt.timedelta(number) for day, following in pairwise(days) for number in range(1, (following - day).days)
    ]


def _follow(matches: Matches, personas: list[int], given: int) -> list[Row]:
    """Return a row for each cluster after, and for each before that does not go on."""
    rows: list[Row] = []
    for cluster, continues in enumerate(matches.continues.tolist()):
        if continues >= 0:
            row = _row(personas[continues], "continued", cluster) | _ties(matches, continues, cluster)
        else:
            row = _row(given, "born", cluster) | _split_off(matches, personas, cluster)
            given += 1
        rows.append(row)
    return rows + _end(matches, personas, _personas_by_cluster(rows))


def _split_off(matches: Matches, personas: list[int], cluster: int) -> Row:
    """Return from which persona the users of a new one came, as columns; none if they came from no single one."""
    if not matches.came[:, cluster].any():
        return {}
    previous = int(matches.came[:, cluster].argmax())
    return {"event": "split", "related_persona_id": personas[previous]} | _ties(matches, previous, cluster)


def _end(matches: Matches, personas: list[int], now: list[int]) -> list[Row]:
    """Return a row for each cluster before that does not go on; `now` are the personas of the clusters after."""
    rows: list[Row] = []
    for previous in sorted(set(range(len(personas))) - set(matches.continues.tolist())):
        row = _row(personas[previous], "gone", None) | {"previous_cluster_id": previous}
        if matches.went[previous].any():
            cluster = int(matches.went[previous].argmax())
            row |= {"event": "merged", "related_persona_id": now[cluster]} | _ties(matches, previous, cluster)
        rows.append(row)
    return rows


def _row(persona: int, event: str, cluster: int | None) -> Row:
    return {"persona_id": persona, "event": event, "cluster_id": cluster}


def _ties(matches: Matches, previous: int, cluster: int) -> Row:
    """Return how two clusters are tied, as columns."""
    cosine = float(matches.centre_similarity[previous, cluster])
    return {
        "previous_cluster_id": previous,
        "shared_users": int(matches.shared[previous, cluster]),
        "overlap": float(matches.overlap[previous, cluster]),
        "centre_similarity": None if np.isnan(cosine) else cosine,
    }


def _personas_by_cluster(rows: list[Row]) -> list[int]:
    """Return the persona of each cluster of the day, in order of cluster."""
    there = [row for row in rows if row["cluster_id"] is not None]
    return [row["persona_id"] for row in sorted(there, key=lambda row: row["cluster_id"])]
