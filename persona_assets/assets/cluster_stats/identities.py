"""Look up which persona each of the day's clusters is: number, name and description from `persona_labels`."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow.compute as pc
import pyarrow.dataset as pads


class PersonaIdentity(NamedTuple):
    """The persona that a cluster belongs to, with its name and description on that day."""

    persona_id: int | None  # None if lineage lacks the day
    name: str
    description: str
    phrases: list[str]  # highest score first


def find_cluster_identities(labels: pads.Dataset, day: dt.date, sizes: Sequence[int]) -> list[PersonaIdentity] | None:
    """Return the persona of each cluster of `day`, by `cluster_id`; None if the labels are of an earlier clustering.

    Args:
        labels: `PERSONA_LABELS` of all days.
        day: The day of the clusters.
        sizes: Number of users of each cluster.

    Returns:
        One for each cluster; None if the day has no labels, or if its clusters were made again since: their
        numbers of users differ.
    """
    rows = labels.to_table(filter=pc.field("day") == day).sort_by("cluster_id").to_pylist()
    if [row["users"] for row in rows] != list(sizes):
        return None
    return [PersonaIdentity(row["persona_id"], row["name"], row["description"], row["phrases"]) for row in rows]


def choose_shown_numbers(clusters: Sequence[dict[str, Any]]) -> list[int]:
    """Return the number shown for each cluster: its `persona_id`, or, if any cluster has none, its `cluster_id`.

    If one cluster has no `persona_id`, all are shown by `cluster_id`.
    """
    personas = [cluster["persona_id"] for cluster in clusters]
    return [cluster["cluster_id"] for cluster in clusters] if None in personas else personas
