"""Name each cluster of the day as its persona, and write the card that tells a model what persona to act as."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.errors import StorageError

# Phrases on a card, and their characters: a card is in every row.
_MAX_PHRASES = 8
_MAX_CHARACTERS = 60


class Persona(NamedTuple):
    """A persona of a data set: its cluster, number, name, description, key phrases and number of users."""

    cluster_id: int
    number: int  # persona_id, or cluster_id where lineage does not know the day
    name: str
    description: str
    phrases: tuple[str, ...]
    users: int

    @property
    def key(self) -> str:
        """The persona's name in configs, paths and rows, such as `persona_3`."""
        return f"persona_{self.number}"


def find_personas(labels: pads.Dataset, day: dt.date, users: dict[int, int]) -> list[Persona]:
    """Return the persona of each of the day's clusters, with name and description, sorted by cluster.

    If lineage does not know one cluster of the day, all are numbered by cluster.

    Args:
        labels: `PERSONA_LABELS` of all days.
        day: The day of the clusters.
        users: Number of users of each cluster who may be in files: all of them, or fewer.

    Raises:
        StorageError: The labels are of other clusters than these.
    """
    rows: list[dict[str, Any]] = labels.to_table(filter=pc.field("day") == day).sort_by("cluster_id").to_pylist()
    named = {row["cluster_id"]: row["users"] for row in rows}
    if not users.keys() <= named.keys() or any(count > named[cluster] for cluster, count in users.items()):
        raise StorageError(
            f"persona_labels does not name the clusters of {day}, or they were made again since: materialize lineage "
            "and persona_labels, then this partition again"
        )
    is_traced = all(row["persona_id"] is not None for row in rows)
    return [
        Persona(
            row["cluster_id"],
            row["persona_id"] if is_traced else row["cluster_id"],
            row["name"],
            row["description"],
            tuple(phrase[:_MAX_CHARACTERS] for phrase in row["phrases"][:_MAX_PHRASES]),
            row["users"],
        )
        for row in rows
    ]


def build_system_message(persona: Persona, *, acts: str) -> str:
    """Write the system message that tells a model which persona to act as: name, description and phrases.

    Args:
        persona: Its texts are derived from many users, and none is a post.
        acts: `json` or `text`, the form of the assistant's answers.
    """
    how = (
        'Answer with one JSON object: {"text": ...} to write, {"actions": {"like": true}} to act, or both.'
        if acts == "json"
        else "Answer with the text that you write, or with an action in brackets, such as [like]."
    )
    phrases = f" They often write about: {', '.join(persona.phrases)}." if persona.phrases else ""
    return (
        f"You are a user of a social network, one of the group “{persona.name}”. {persona.description}{phrases} {how}"
    )
