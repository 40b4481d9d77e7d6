"""What the page shows of a day beside `stats.json`: history, threads, and levels of the clustering."""

from collections.abc import Sequence
from typing import NamedTuple

from persona_assets.assets.cluster_stats.persona_history import PersonaHistory
from persona_assets.assets.cluster_stats.typical_threads import Message


class PageContext(NamedTuple):
    """Inputs of the HTML page besides `stats.json`: history, threads and levels; each may be missing."""

    history: PersonaHistory | None = None  # None: lineage does not know these clusters
    threads: Sequence[Sequence[Message]] = ()  # of each cluster; empty: no texts are shown
    paths: Sequence[
        Sequence[int]
    ] = ()  # of each cluster through the coarser levels, as `list_coarser_clusters` returns them
    map_begins_with: str = ""  # the day whose positions the map began with, or why there is none
