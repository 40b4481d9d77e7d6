"""Read what is said about the persona of each cluster of a day."""

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.assets.agent_profiles.derive_agents import PersonaCard


def read_cards(persona_labels: pads.Dataset, clusters: pa.Table, day: dt.date) -> dict[int, PersonaCard] | None:
    """Return name, description and phrases of each cluster's persona; None if labels are missing or outdated.

    Args:
        persona_labels: The table `persona_labels`, of all days.
        clusters: `tables.CLUSTERS` of the day.
        day: The day.
    """
    rows = persona_labels.to_table(filter=pc.field("day") == day).to_pylist()
    sizes = {size["values"]: size["counts"] for size in pc.value_counts(clusters["cluster_id"]).to_pylist()}
    if {row["cluster_id"]: row["users"] for row in rows} != sizes:
        return None
    return {
        row["cluster_id"]: PersonaCard(row["persona_id"], row["name"], row["description"], tuple(row["phrases"]))
        for row in rows
    }


def make_unnamed_cards(clusters: pa.Table) -> dict[int, PersonaCard]:
    """Make persona cards without description and phrases, named "cluster 0", "cluster 1" and so on."""
    return {
        cluster: PersonaCard(None, f"cluster {cluster}", "", ())
        for cluster in sorted(pc.unique(clusters["cluster_id"]).to_pylist())
    }
