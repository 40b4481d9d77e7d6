"""Render the report as one HTML page with inline pictures, style and script, which needs no network."""

import base64
import hashlib
import json
from importlib.resources import files
from itertools import accumulate
from typing import Any

from persona_assets.assets.cluster_stats.count_actions import COLUMN_NAMES, COLUMNS, ESTIMATED
from persona_assets.assets.cluster_stats.identities import number_personas
from persona_assets.assets.cluster_stats.map_data import MapData, encode_map
from persona_assets.common.pictures import N_COLOURS, Floats, choose_colour

# Number of the largest clusters with a card, and of those compared in pairs. The table has all clusters.
CARDS, COMPARED = 60, 25
WORDS_SHOWN = 10
# Number of shades for the similarity of two clusters, beside white.
SHADES = 50
# Kinds of actions in a cluster's bar, with the columns that each adds up; the rest is "other".
ACTION_GROUPS = {
    "posts": ("posts", "quote"),
    "replies": ("replies",),
    "likes": ("like",),
    "reposts": ("repost",),
    "follows": ("follow",),
}
# Columns of the table of all clusters that also show the median per user.
MEDIANS = ("posts", "replies", "like", "repost")


def render_page(
    stats: dict[str, Any], similarity: Floats, *, sizes: str, user_map: str, map_data: MapData | None = None
) -> str:
    """Return the report as one self-contained HTML page.

    Args:
        stats: The content of `stats.json`.
        similarity: float32 `(k, k)`, cosine similarity of the mean vectors of each two clusters.
        sizes: `data:` address of the plot of sizes, for print and for browsers without script.
        user_map: `data:` address of the map of users, for the same.
        map_data: The users of the interactive map; None for no such map.
    """
    import jinja2  # noqa: PLC0415 - 0.1 s, and definitions must load fast

    package = files("persona_assets.assets.cluster_stats")
    template, script = (package.joinpath(name).read_text(encoding="utf-8") for name in ("report.html.j2", "report.js"))
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["thousands"] = "{:,}".format
    environment.filters["sha256"] = _digest
    data = make_page_data(stats["clusters"], map_data)
    return environment.from_string(template).render(
        stats=stats,
        numbers=number_personas(stats["clusters"]),
        is_traced=all(cluster["persona_id"] is not None for cluster in stats["clusters"]),
        cards=[
            {**cluster, "mix": _add_starts(share_by_action_group(cluster["counts"]))}
            for cluster in stats["clusters"][:CARDS]
        ],
        compared=similarity[:COMPARED, :COMPARED].tolist(),
        outcomes=[
            outcome_row(action, outcomes) for action, outcomes in stats["outcomes"].items() if action != ESTIMATED
        ],
        columns=[column for column in COLUMNS if any(cluster["counts"][column] for cluster in stats["clusters"])],
        medians=MEDIANS,
        words_shown=WORDS_SHOWN,
        shades=SHADES,
        sizes=sizes,
        map=user_map,
        has_map="map" in data,
        map_users=len(map_data.clusters) if map_data else 0,
        has_outliers=map_data is not None and bool(map_data.outliers.any()),
        palette=data["palette"],
        colours=data["colours"],
        data=to_script_json(data),
        script=script,
    )


def make_page_data(clusters: list[dict[str, Any]], map_data: MapData | None) -> dict[str, Any]:
    """Return the data of the page's script: lists with one value for each cluster, and the users of the map.

    Args:
        clusters: The value of `clusters` in `stats.json`.
        map_data: The users of the map, if any.
    """
    numbers = number_personas(clusters)
    data: dict[str, Any] = {
        "palette": [choose_colour(number) for number in range(N_COLOURS)],
        "numbers": numbers,
        "colours": [number % N_COLOURS for number in numbers],
        "names": [cluster["label"] for cluster in clusters],
        "descriptions": [cluster["description"] for cluster in clusters],
        "phrases": [cluster["phrases"] for cluster in clusters],
        "words": [[word["word"] for word in cluster["words"][:WORDS_SHOWN]] for cluster in clusters],
        "users": [cluster["users"] for cluster in clusters],
    }
    if map_data is not None and len(map_data.clusters):
        data["map"] = encode_map(map_data, n_clusters=len(clusters))
    return data


def to_script_json(value: object) -> str:
    """Return JSON that is safe inside a `<script>` element: `<` is escaped, so no text can end or begin an element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _digest(inline: str) -> str:
    """Return the SHA-256 digest of an inline style or script in base64, as a Content-Security-Policy takes it."""
    return base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()


def _add_starts(shares: list[tuple[str, float]]) -> list[tuple[str, float, float]]:
    """Return (name, start, share) of each share on a bar of length 1."""
    starts = accumulate((share for _, share in shares), initial=0.0)
    return [(name, start, share) for (name, share), start in zip(shares, starts, strict=False)]


def share_by_action_group(counts: dict[str, int]) -> list[tuple[str, float]]:
    """Return the share of each of `ACTION_GROUPS` in a cluster's actions, then of all others; zeros without any."""
    total = max(counts["total"], 1)
    shares = [(name, sum(counts[column] for column in columns) / total) for name, columns in ACTION_GROUPS.items()]
    return [*shares, ("other", max(0.0, 1 - sum(share for _, share in shares)) if counts["total"] else 0.0)]


def outcome_row(action: str, outcomes: dict[str, int]) -> dict[str, Any]:
    """Return a row of the table of outcomes: actions seen, actions written, and reasons for the others by number."""
    missing = {outcome: number for outcome, number in outcomes.items() if outcome != "written"}
    return {
        "action": COLUMN_NAMES.get(action, action),
        "seen": sum(outcomes.values()),
        "written": outcomes.get("written", 0),
        "reasons": sorted(missing.items(), key=lambda reason: -reason[1]),
    }
