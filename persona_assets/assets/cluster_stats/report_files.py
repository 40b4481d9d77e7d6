"""Render the summary of a window as the files of the report: JSON, Markdown, HTML, Parquet, PNG and SVG."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from persona_assets.assets.cluster_stats.count_actions import COLUMNS, sum_counts_over_clusters
from persona_assets.assets.cluster_stats.html_report import render_html_page
from persona_assets.assets.cluster_stats.identities import PersonaIdentity, choose_shown_numbers
from persona_assets.assets.cluster_stats.map_data import MapData
from persona_assets.assets.cluster_stats.map_plot import UserMap, plot_map_png, plot_map_svg
from persona_assets.assets.cluster_stats.map_positions import FILE, positions_to_parquet
from persona_assets.assets.cluster_stats.markdown_report import list_largest_personas, render_markdown
from persona_assets.assets.cluster_stats.page_context import PageContext
from persona_assets.assets.cluster_stats.stats_plots import plot_cluster_sizes
from persona_assets.assets.cluster_stats.summarise import ClusterSummary, WindowSummary
from persona_assets.common.columns import column, required_column
from persona_assets.common.parquet_files import render_parquet
from persona_assets.common.pictures import Floats, to_data_url
from persona_assets.common.provenance import Provenance, with_provenance

# Number of most similar clusters listed for each cluster.
NEAREST_SHOWN = 3
# Inches of a map that fits into a page of 1440 pixels beside an asset's other metadata.
_SMALL = (3.4, 2.8)
# Longer texts of posts are cut. Bluesky's have at most 3,000 bytes.
MAX_POST_CHARACTERS = 3000
_COUNTS = {"users": "Number of users of the cluster.", "total": "Number of their actions in the window, all kinds."}
# One row for each cluster, with the counts of count_actions.COLUMNS.
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


class ReportFiles(NamedTuple):
    """The files of a report by name, and the parts of it that the UI shows as metadata."""

    files: dict[str, bytes]  # content by file name
    sizes_png: bytes  # cluster_sizes.png
    largest_personas: list[dict[str, Any]]  # rows of `markdown_report.list_largest_personas`


def render_report(  # noqa: PLR0913 - the parts of a report
    summary: WindowSummary,
    *,
    day: str,
    show_posts: bool,
    identities: Sequence[PersonaIdentity] | None = None,
    provenance: Provenance | None = None,
    context: PageContext | None = None,
) -> ReportFiles:
    """Render the summary as the files of the report: name and content of each; the same summary gives the same bytes.

    Args:
        summary: The clusters of the window.
        day: The partition key, such as "2025-03-03".
        show_posts: Whether the texts of medoid posts are included.
        identities: The persona of each cluster; None if `persona_labels` has none for these clusters.
        provenance: How the report was made, stored in `stats.json` and in the metadata of the table.
        context: What the page shows beside `stats.json`.
    """
    if identities:
        named = zip(summary.clusters, identities, strict=True)
        summary = summary._replace(clusters=[cluster._replace(label=one.name) for cluster, one in named])
    stats = make_stats(summary, day=day, show_posts=show_posts, identities=identities, provenance=provenance)
    labels = [cluster.label for cluster in summary.clusters]
    numbers = choose_shown_numbers(stats["clusters"])
    sizes = plot_cluster_sizes([cluster.counts["users"] for cluster in summary.clusters], labels, numbers)
    user_map = plot_map_png(summary.map, labels, numbers=numbers)
    markdown = render_markdown(stats)
    contents = {
        "stats.json": (json.dumps(stats, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode(),
        "report.md": markdown.encode(),
        "report.html": render_html_page(
            stats,
            summary.similarity,
            sizes=to_data_url(sizes),
            user_map=to_data_url(user_map),
            map_data=_make_map_data(summary.map),
            context=context,
        ).encode(),
        "cluster_stats.parquet": _render_parquet(summary, day, identities, provenance),
        "cluster_sizes.png": sizes,
        "map.png": user_map,
        "map_small.png": plot_map_png(summary.map, labels, numbers=numbers, inches=_SMALL, named=False),
        "map.svg": plot_map_svg(summary.map, labels, numbers=numbers),
        FILE: positions_to_parquet(
            list(summary.map.user_ids), summary.map.positions, dt.date.fromisoformat(day), provenance
        ),
    }
    return ReportFiles(contents, sizes, list_largest_personas(stats))


def _make_map_data(user_map: UserMap) -> MapData:
    none = np.zeros(len(user_map.clusters), bool)
    return MapData(user_map.positions, user_map.clusters, none if user_map.outliers is None else user_map.outliers)


def make_stats(
    summary: WindowSummary,
    *,
    day: str,
    show_posts: bool,
    identities: Sequence[PersonaIdentity] | None = None,
    provenance: Provenance | None = None,
) -> dict[str, Any]:
    """Return the content of `stats.json` as a dict, as `stats.schema.json` describes it.

    Args:
        summary: The clusters of the window.
        day: The partition key.
        show_posts: Whether the texts of medoid posts are included.
        identities: The persona of each cluster, if known.
        provenance: How the report was made.
    """
    totals = sum_counts_over_clusters([cluster.counts for cluster in summary.clusters])
    clusters = [
        {
            "cluster_id": number,
            "persona_id": identity.persona_id if identity else None,
            "label": cluster.label,
            "description": identity.description if identity else "",
            "phrases": identity.phrases if identity else [],
            "users": cluster.counts["users"],
            "share": round(cluster.counts["users"] / totals["users"], 6),
            "counts": cluster.counts,
            "medians": cluster.medians,
            "hours": [round(share, 4) for share in cluster.hours],
            "nearest": _find_nearest(summary.similarity, number),
            "words": [{**word._asdict(), "score": round(word.score, 6)} for word in cluster.words],
            "medoids": [
                {"uri": medoid.uri, "similarity": medoid.similarity}
                | ({"text": _shorten(medoid.text)} if show_posts else {})
                for medoid in cluster.medoids
            ],
            "topics": cluster.topics.topics,
            "topics_coherence": cluster.topics.coherence,
            "topics_note": cluster.topics.note,
        }
        for number, (cluster, identity) in enumerate(
            zip(summary.clusters, identities or [None] * len(summary.clusters), strict=True)
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
    return text if len(text) <= MAX_POST_CHARACTERS else f"{text[:MAX_POST_CHARACTERS]}…"


def _find_nearest(similarity: Floats, cluster: int) -> list[dict[str, float]]:
    """Return the `NEAREST_SHOWN` clusters whose mean vectors are most similar to that of `cluster`, nearest first."""
    others = [other for other in np.argsort(-similarity[cluster], kind="stable").tolist() if other != cluster]
    return [
        {"cluster_id": other, "similarity": round(float(similarity[cluster, other]), 4)}
        for other in others[:NEAREST_SHOWN]
    ]


def _render_parquet(
    summary: WindowSummary, day: str, identities: Sequence[PersonaIdentity] | None, provenance: Provenance | None
) -> bytes:
    total = sum(cluster.counts["users"] for cluster in summary.clusters)
    rows = [_row(number, cluster, total) for number, cluster in enumerate(summary.clusters)]
    for row, identity in zip(rows, identities or [], strict=False):
        row["persona_id"] = identity.persona_id
    table = pa.Table.from_pylist(rows, schema=CLUSTER_STATS)
    return render_parquet(with_provenance(table, provenance), day_column=dt.date.fromisoformat(day))


def _row(number: int, cluster: ClusterSummary, total: int) -> dict[str, Any]:
    return {
        "cluster_id": number,
        "label": cluster.label,
        "share": cluster.counts["users"] / total,
        **cluster.counts,
        "words": [word.word for word in cluster.words],
        "topics": cluster.topics.topics,
        "medoid_uris": [medoid.uri for medoid in cluster.medoids],
    }
