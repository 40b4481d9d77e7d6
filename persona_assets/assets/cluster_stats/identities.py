"""Who the day's clusters are over the days: number, name and description, as `persona_labels` has them."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow.compute as pc
import pyarrow.dataset as pads


class Identity(NamedTuple):
    """What a cluster is called, and which persona it is."""

    persona_id: int | None  # None where lineage does not know the day
    name: str
    description: str
    phrases: list[str]  # best first


def find_identities(labels: pads.Dataset, day: dt.date, users: Sequence[int]) -> list[Identity] | None:
    """Return the identity of each cluster, in order of its number.

    Args:
        labels: Rows of `PERSONA_LABELS` of all days.
        day: The day of the clusters.
        users: Number of users of each cluster.

    Returns:
        None where the labels are not of these clusters: the day has none, or its clusters were made again since.
    """
    rows = labels.to_table(filter=pc.field("day") == day).sort_by("cluster_id").to_pylist()
    if [row["users"] for row in rows] != list(users):
        return None
    return [Identity(row["persona_id"], row["name"], row["description"], row["phrases"]) for row in rows]


def number_personas(clusters: Sequence[dict[str, Any]]) -> list[int]:
    """Return the number by which each cluster is shown, the same one in pictures, pages and the UI.

    That of its persona; where lineage does not know the day, that of the cluster.
    """
    personas = [cluster["persona_id"] for cluster in clusters]
    return [cluster["cluster_id"] for cluster in clusters] if None in personas else personas
