"""Render the report as one page that needs no network: pictures, style and a few lines of script are in it."""

import base64
import hashlib
import json
from importlib.resources import files
from itertools import accumulate
from typing import Any

from persona_assets.assets.cluster_stats.count_actions import COLUMNS, ESTIMATED, NAMES
from persona_assets.assets.cluster_stats.identities import number_personas
from persona_assets.assets.cluster_stats.map_data import MapData, encode_map
from persona_assets.common.pictures import N_COLOURS, Floats, choose_colour

# Personas that get a card, and those compared pair by pair: the largest. The table has all of them.
CARDS, COMPARED = 60, 25
WORDS_SHOWN = 10
# Shades in which two personas may be alike, beside white.
SHADES = 50
# What a persona's bar of actions is made of; what is left is "other".
MIX = {
    "posts": ("posts", "quote"),
    "replies": ("replies",),
    "likes": ("like",),
    "reposts": ("repost",),
    "follows": ("follow",),
}
# Columns of the table of all personas: how often a median user does this, and how often all do.
MEDIANS = ("posts", "replies", "like", "repost")


def render_page(
    stats: dict[str, Any], similarity: Floats, *, sizes: str, user_map: str, map_data: MapData | None = None
) -> str:
    """Return the page.

    Args:
        stats: The content of `stats.json`.
        similarity: `(k, k)` of the clusters' mean posts.
        sizes: Address of the plot of sizes, for print and for browsers that run no script.
        user_map: Address of the map of users, for the same.
        map_data: The users of the interactive map; without any the page has none.
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
        cards=[{**cluster, "mix": _place(mix_actions(cluster["counts"]))} for cluster in stats["clusters"][:CARDS]],
        compared=similarity[:COMPARED, :COMPARED].tolist(),
        outcomes=[outcome_row(action, found) for action, found in stats["outcomes"].items() if action != ESTIMATED],
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
    """Return what the page's script knows: columns with a value for each persona, and the users of the map.

    Args:
        clusters: Those of `stats.json`.
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
    """Return JSON for a `<script type="application/json">`: without `<`, nothing in it ends or begins an element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _digest(inline: str) -> str:
    """Return by what a Content-Security-Policy knows a style or script that stands in the page."""
    return base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()


def _place(mix: list[tuple[str, float]]) -> list[tuple[str, float, float]]:
    """Return each share with where on a bar of length 1 it starts."""
    starts = accumulate((share for _, share in mix), initial=0.0)
    return [(name, start, share) for (name, share), start in zip(mix, starts, strict=False)]


def mix_actions(counts: dict[str, int]) -> list[tuple[str, float]]:
    """Return which share of a cluster's actions is of which kind, the kinds of `MIX` and then the rest."""
    total = max(counts["total"], 1)
    shares = [(name, sum(counts[column] for column in columns) / total) for name, columns in MIX.items()]
    return [*shares, ("other", max(0.0, 1 - sum(share for _, share in shares)) if counts["total"] else 0.0)]


def outcome_row(action: str, outcomes: dict[str, int]) -> dict[str, Any]:
    """Return how many actions of a kind there were, how many stand in files, and why the others do not."""
    missing = {outcome: number for outcome, number in outcomes.items() if outcome != "written"}
    return {
        "action": NAMES.get(action, action),
        "seen": sum(outcomes.values()),
        "written": outcomes.get("written", 0),
        "reasons": sorted(missing.items(), key=lambda reason: -reason[1]),
    }
