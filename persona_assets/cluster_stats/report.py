"""Write what the clusters are about as files: JSON, Markdown, HTML, Parquet and PNG."""

import base64
import io
import json
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from persona_assets.cluster_stats.count import COLUMNS, add_up
from persona_assets.cluster_stats.page import render_page
from persona_assets.cluster_stats.plots import Floats, plot_map, plot_sizes
from persona_assets.cluster_stats.summarise import Persona, Summary
from persona_assets.parquet_files import write_parquet

WORDS_SHOWN = 10
NEAREST_SHOWN = 3
# Personas in the table that the UI shows, the largest.
PERSONAS_SHOWN = 100
# A row a cluster; the counts of count.COLUMNS follow.
CLUSTER_STATS = pa.schema(
    [
        pa.field("cluster_id", pa.int32(), nullable=False),
        pa.field("label", pa.string(), nullable=False),  # its best words
        pa.field("share", pa.float64(), nullable=False),  # of all users in clusters
        *(pa.field(column, pa.int64(), nullable=False) for column in COLUMNS),
        pa.field("words", pa.list_(pa.string()), nullable=False),  # best first
        pa.field("topics", pa.list_(pa.list_(pa.string())), nullable=False),  # heaviest first
        pa.field("medoid_uris", pa.list_(pa.string()), nullable=False),  # nearest the mean first
    ]
)


class Report(NamedTuple):
    """The files, and what of them is shown elsewhere."""

    files: dict[str, bytes]
    sizes_png: bytes
    personas_markdown: str  # a table without posts


def write_report(summary: Summary, *, day: str, show_posts: bool) -> Report:
    """Return the report's files by name; the same summary gives the same bytes.

    Args:
        summary: What the clusters are about.
        day: The partition, as its key.
        show_posts: Whether texts of posts appear.
    """
    stats = make_stats(summary, day=day, show_posts=show_posts)
    labels = [persona.label for persona in summary.personas]
    sizes = plot_sizes([persona.counts["users"] for persona in summary.personas], labels)
    user_map = plot_map(summary.map.positions, summary.map.clusters, labels)
    markdown = render_markdown(stats)
    contents = {
        "stats.json": (json.dumps(stats, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode(),
        "report.md": markdown.encode(),
        "report.html": render_page(
            stats, summary.similarity, sizes=png_address(sizes), user_map=png_address(user_map)
        ).encode(),
        "cluster_stats.parquet": _parquet(summary),
        "cluster_sizes.png": sizes,
        "map.png": user_map,
    }
    return Report(contents, sizes, persona_table(stats))


def make_stats(summary: Summary, *, day: str, show_posts: bool) -> dict[str, Any]:
    """Return the content of `stats.json`, as this room's docstring describes it."""
    totals = add_up([persona.counts for persona in summary.personas])
    clusters = [
        {
            "cluster_id": number,
            "label": persona.label,
            "users": persona.counts["users"],
            "share": round(persona.counts["users"] / totals["users"], 6),
            "counts": persona.counts,
            "medians": persona.medians,
            "hours": [round(share, 4) for share in persona.hours],
            "nearest": _find_nearest(summary.similarity, number),
            "words": [{**word._asdict(), "score": round(word.score, 6)} for word in persona.words],
            "medoids": [
                {key: value for key, value in medoid._asdict().items() if show_posts or key != "text"}
                for medoid in persona.medoids
            ],
            "topics": persona.topics.topics,
            "topics_coherence": persona.topics.coherence,
            "topics_note": persona.topics.note,
        }
        for number, persona in enumerate(summary.personas)
    ]
    return {
        "day": day,
        "n_clusters": len(clusters),
        "totals": totals,
        "without_persona": summary.without_persona,
        "outcomes": summary.outcomes,
        "clusters": clusters,
    }


def _find_nearest(similarity: Floats, cluster: int) -> list[dict[str, float]]:
    """Return the clusters whose posts are most like those of `cluster`, most alike first."""
    others = [other for other in np.argsort(-similarity[cluster], kind="stable").tolist() if other != cluster]
    return [
        {"cluster_id": other, "similarity": round(float(similarity[cluster, other]), 4)}
        for other in others[:NEAREST_SHOWN]
    ]


def render_markdown(stats: dict[str, Any]) -> str:
    """Return the reference's tables: cluster statistics, top words, medoid posts, topics."""
    clusters = stats["clusters"]
    counted = [["all", *stats["totals"].values()], ["without persona", *stats["without_persona"].values()]]
    parts = [
        f"# Personas of {stats['day']}",
        "## Cluster statistics",
        markdown_table(["cluster", *COLUMNS], [[c["cluster_id"], *c["counts"].values()] for c in clusters] + counted),
        "## Top words",
        markdown_table(
            ["cluster", "words"],
            [[c["cluster_id"], ", ".join(word["word"] for word in c["words"][:WORDS_SHOWN])] for c in clusters],
        ),
        "## Medoid posts",
        markdown_table(
            ["cluster", "similarity", "post"],
            [
                [c["cluster_id"], f"{medoid['similarity']:.3f}", medoid.get("text", medoid["uri"])]
                for c in clusters
                for medoid in c["medoids"]
            ],
        ),
        "## LDA topics",
        markdown_table(["cluster", "topic", "words"], [row for c in clusters for row in _topic_rows(c)]),
    ]
    return "\n\n".join(parts) + "\n"


def persona_table(stats: dict[str, Any]) -> str:
    """Return a Markdown table of the largest personas, largest first, without posts."""
    rows = [
        [
            c["cluster_id"],
            c["users"],
            f"{c['share']:.1%}",
            ", ".join(word["word"] for word in c["words"][:WORDS_SHOWN]),
        ]
        for c in stats["clusters"][:PERSONAS_SHOWN]
    ]
    return markdown_table(["persona", "users", "share", "top words"], rows)


def markdown_table(head: list[str], rows: list[list[Any]]) -> str:
    """Return a Markdown table; what would break it in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _topic_rows(cluster: dict[str, Any]) -> list[list[Any]]:
    if cluster["topics_note"]:
        return [[cluster["cluster_id"], "", cluster["topics_note"]]]
    return [[cluster["cluster_id"], number, ", ".join(words)] for number, words in enumerate(cluster["topics"], 1)]


def png_address(png: bytes) -> str:
    """Return the picture as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _parquet(summary: Summary) -> bytes:
    total = sum(persona.counts["users"] for persona in summary.personas)
    table = pa.Table.from_pylist(
        [_row(number, persona, total) for number, persona in enumerate(summary.personas)], schema=CLUSTER_STATS
    )
    buffer = io.BytesIO()
    write_parquet(buffer, CLUSTER_STATS, [table])
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
