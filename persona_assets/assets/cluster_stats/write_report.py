"""Write what the clusters are about as files: JSON, Markdown, HTML, Parquet, PNG and SVG."""

import datetime as dt
import io
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from persona_assets.assets.cluster_stats.count_actions import COLUMNS, add_up
from persona_assets.assets.cluster_stats.html_report import render_page
from persona_assets.assets.cluster_stats.identities import Identity
from persona_assets.assets.cluster_stats.map_data import MapData
from persona_assets.assets.cluster_stats.map_plot import plot_map, plot_map_svg
from persona_assets.assets.cluster_stats.markdown_report import list_personas, number_personas, render_markdown
from persona_assets.assets.cluster_stats.stats_plots import plot_sizes
from persona_assets.assets.cluster_stats.summarise import Persona, Summary
from persona_assets.common.columns import column, required_column
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.pictures import Floats, to_data_url
from persona_assets.common.provenance import Provenance, with_provenance

NEAREST_SHOWN = 3
# Of a picture that a page of 1440 pixels shows whole beside an asset's other metadata.
_SMALL = (3.4, 2.8)
# Of a post so many letters are shown: Bluesky's have at most 3,000 bytes.
LETTERS_SHOWN = 3000
_COUNTS = {"users": "Number of users of the cluster.", "total": "Number of their actions in the window, all kinds."}
# A row a cluster; the counts of count.COLUMNS follow.
CLUSTER_STATS = pa.schema(
    [
        required_column("cluster_id", pa.int32(), "The cluster; 0 is the largest."),
        column("persona_id", pa.int32(), "Number of the persona over the days; empty where lineage lacks the day."),
        required_column("label", pa.string(), "Its name; its best words where it has none."),
        required_column("share", pa.float64(), "Share of all users in clusters, 0 to 1."),
        *(required_column(name, pa.int64(), _COUNTS.get(name) or f"Number of actions: {name}.") for name in COLUMNS),
        required_column("words", pa.list_(pa.string()), "Words that set the cluster apart, best first."),
        required_column("topics", pa.list_(pa.list_(pa.string())), "Topics as lists of words, heaviest first."),
        required_column("medoid_uris", pa.list_(pa.string()), "Addresses of its most typical posts, best first."),
    ]
)


class Report(NamedTuple):
    """The files, and what of them is shown elsewhere."""

    files: dict[str, bytes]
    sizes_png: bytes
    personas: list[dict[str, Any]]  # the largest, without posts


def write_report(
    summary: Summary,
    *,
    day: str,
    show_posts: bool,
    identities: Sequence[Identity] | None = None,
    provenance: Provenance | None = None,
) -> Report:
    """Return the report's files by name; the same summary gives the same bytes.

    Args:
        summary: What the clusters are about.
        day: The partition, as its key.
        show_posts: Whether texts of posts appear.
        identities: Who each cluster is over the days; None where that is not known.
        provenance: How the report was made, as `stats.json` and the table are to say.
    """
    if identities:
        named = zip(summary.personas, identities, strict=True)
        summary = summary._replace(personas=[persona._replace(label=one.name) for persona, one in named])
    stats = make_stats(summary, day=day, show_posts=show_posts, identities=identities, provenance=provenance)
    labels = [persona.label for persona in summary.personas]
    numbers = number_personas(stats["clusters"])
    sizes = plot_sizes([persona.counts["users"] for persona in summary.personas], labels, numbers)
    user_map = plot_map(summary.map, labels, numbers=numbers)
    markdown = render_markdown(stats)
    contents = {
        "stats.json": (json.dumps(stats, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode(),
        "report.md": markdown.encode(),
        "report.html": render_page(
            stats,
            summary.similarity,
            sizes=to_data_url(sizes),
            user_map=to_data_url(user_map),
            map_data=MapData(*summary.map, outliers=np.zeros(len(summary.map.clusters), bool)),
        ).encode(),
        "cluster_stats.parquet": _parquet(summary, day, identities, provenance),
        "cluster_sizes.png": sizes,
        "map.png": user_map,
        "map_small.png": plot_map(summary.map, labels, numbers=numbers, inches=_SMALL, named=False),
        "map.svg": plot_map_svg(summary.map, labels, numbers=numbers),
    }
    return Report(contents, sizes, list_personas(stats))


def make_stats(
    summary: Summary,
    *,
    day: str,
    show_posts: bool,
    identities: Sequence[Identity] | None = None,
    provenance: Provenance | None = None,
) -> dict[str, Any]:
    """Return the content of `stats.json`, as this package's docstring describes it."""
    totals = add_up([persona.counts for persona in summary.personas])
    clusters = [
        {
            "cluster_id": number,
            "persona_id": identity.persona_id if identity else None,
            "label": persona.label,
            "description": identity.description if identity else "",
            "phrases": identity.phrases if identity else [],
            "users": persona.counts["users"],
            "share": round(persona.counts["users"] / totals["users"], 6),
            "counts": persona.counts,
            "medians": persona.medians,
            "hours": [round(share, 4) for share in persona.hours],
            "nearest": _find_nearest(summary.similarity, number),
            "words": [{**word._asdict(), "score": round(word.score, 6)} for word in persona.words],
            "medoids": [
                {"uri": medoid.uri, "similarity": medoid.similarity}
                | ({"text": _shorten(medoid.text)} if show_posts else {})
                for medoid in persona.medoids
            ],
            "topics": persona.topics.topics,
            "topics_coherence": persona.topics.coherence,
            "topics_note": persona.topics.note,
        }
        for number, (persona, identity) in enumerate(
            zip(summary.personas, identities or [None] * len(summary.personas), strict=True)
        )
    ]
    return {
        "day": day,
        "provenance": provenance,
        "n_clusters": len(clusters),
        "totals": totals,
        "without_persona": summary.without_persona,
        "outcomes": summary.outcomes,
        "clusters": clusters,
    }


def _shorten(text: str) -> str:
    return text if len(text) <= LETTERS_SHOWN else f"{text[:LETTERS_SHOWN]}…"


def _find_nearest(similarity: Floats, cluster: int) -> list[dict[str, float]]:
    """Return the clusters whose posts are most like those of `cluster`, most alike first."""
    others = [other for other in np.argsort(-similarity[cluster], kind="stable").tolist() if other != cluster]
    return [
        {"cluster_id": other, "similarity": round(float(similarity[cluster, other]), 4)}
        for other in others[:NEAREST_SHOWN]
    ]


def _parquet(summary: Summary, day: str, identities: Sequence[Identity] | None, provenance: Provenance | None) -> bytes:
    total = sum(persona.counts["users"] for persona in summary.personas)
    rows = [_row(number, persona, total) for number, persona in enumerate(summary.personas)]
    for row, identity in zip(rows, identities or [], strict=False):
        row["persona_id"] = identity.persona_id
    table = pa.Table.from_pylist(rows, schema=CLUSTER_STATS)
    buffer = io.BytesIO()
    write_parquet(buffer, with_provenance(CLUSTER_STATS, provenance), [table], day=dt.date.fromisoformat(day))
    return buffer.getvalue()


def _row(number: int, persona: Persona, total: int) -> dict[str, Any]:
    return {
        "cluster_id": number,
        "label": persona.label,
        "share": persona.counts["users"] / total,
        **persona.counts,
        "words": [word.word for word in persona.words],
        "topics": persona.topics.topics,
        "medoid_uris": [medoid.uri for medoid in persona.medoids],
    }
