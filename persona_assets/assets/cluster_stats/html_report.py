"""Render the report as one HTML page with inline pictures, style and script, which needs no network."""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from itertools import accumulate
from typing import Any

from persona_assets.assets.cluster_stats.compare_with_all import (
    COMPARED_ACTIONS,
    compare_with_all,
    compute_hourly_action_shares,
)
from persona_assets.assets.cluster_stats.count_actions import COLUMN_NAMES, COLUMNS, ESTIMATED, sum_counts_over_clusters
from persona_assets.assets.cluster_stats.distinctive_words import NO_WORDS, SEPARATOR
from persona_assets.assets.cluster_stats.identities import choose_shown_numbers
from persona_assets.assets.cluster_stats.map_data import MapData, encode_map
from persona_assets.assets.cluster_stats.more_cards import pack_cards
from persona_assets.assets.cluster_stats.page_context import PageContext
from persona_assets.assets.cluster_stats.persona_groups import PersonaGroups, group_personas
from persona_assets.assets.cluster_stats.persona_history import KINDS, PersonaHistory
from persona_assets.assets.cluster_stats.stream_plot import draw_size_stream
from persona_assets.common.pictures import N_COLOURS, Floats, choose_colour

# Number of the largest clusters with a card, and of those compared in pairs. The table has all clusters.
CARDS, COMPARED = 60, 25
WORDS_SHOWN = 10
# Number of phrases, and of words, of a persona without a card that the page has outside its packed part.
KEPT = 3
# Number of shades for the similarity of two clusters, beside white.
SHADES = 50
# Maximum number of changes since the day before that are listed of each kind.
CHANGES_SHOWN = 8
# Columns of the table of all clusters that also show the median per user.
MEDIANS = ("posts", "replies", "like", "repost")


def render_html_page(  # noqa: PLR0913 - the parts of a page
    stats: dict[str, Any],
    similarity: Floats,
    *,
    sizes: str,
    user_map: str,
    map_data: MapData | None = None,
    context: PageContext | None = None,
) -> str:
    """Render `stats.json` and the plots as one HTML page that needs no other file and no network.

    Args:
        stats: The content of `stats.json`.
        similarity: float32 `(k, k)`, cosine similarity of the mean vectors of each two clusters.
        sizes: `data:` address of the plot of sizes, for print and for browsers without script.
        user_map: `data:` address of the map of users, for the same.
        map_data: The users of the interactive map; None for no such map.
        context: What is shown beside `stats.json`.
    """
    import jinja2  # noqa: PLC0415 - 0.1 s, and definitions must load fast

    package = files("persona_assets.assets.cluster_stats")
    template, script = (package.joinpath(name).read_text(encoding="utf-8") for name in ("report.html.j2", "report.js"))
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["thousands"] = "{:,}".format
    environment.filters["sha256"] = _digest
    shown, clusters = context or PageContext(), stats["clusters"]
    groups = _group(clusters, similarity, shown)
    data = make_page_data(clusters, map_data, groups=groups, threads=shown.threads)
    return environment.from_string(template).render(
        stats=stats,
        numbers=choose_shown_numbers(clusters),
        is_traced=all(cluster["persona_id"] is not None for cluster in clusters),
        cards=_make_cards(clusters, shown),
        mix_of_all=_add_starts(share_by_action_group(stats["totals"])),
        hours_of_all=compute_hourly_action_shares(clusters),
        compared=similarity[:COMPARED, :COMPARED].tolist(),
        outcomes=[
            build_outcome_row(action, outcomes) for action, outcomes in stats["outcomes"].items() if action != ESTIMATED
        ],
        columns=[column for column in COLUMNS if any(cluster["counts"][column] for cluster in clusters)],
        medians=MEDIANS,
        ratios=[[one.ratio for one in of_cluster] for of_cluster in compare_with_all(clusters)],
        compared_actions=list(COMPARED_ACTIONS),
        words_shown=WORDS_SHOWN,
        shades=SHADES,
        sizes=sizes,
        map=user_map,
        map_begins_with=shown.map_begins_with,
        has_map="map" in data,
        map_users=len(map_data.clusters) if map_data else 0,
        has_outliers=map_data is not None and bool(map_data.outliers.any()),
        history=shown.history,
        changes=_list_changes(shown.history),
        stream=draw_size_stream(shown.history) if shown.history else None,
        groups=groups,
        steps=list_provenance_settings(stats.get("provenance")),
        palette=data["palette"],
        colours=data["colours"],
        data=to_script_json(data),
        script=script,
    )


def _make_cards(clusters: list[dict[str, Any]], context: PageContext) -> list[dict[str, Any]]:
    compared = compare_with_all(clusters)
    return [
        {
            **cluster,
            "mix": _add_starts(share_by_action_group(cluster["counts"])),
            "compared": compared[number],
            "thread": context.threads[number] if context.threads else [],
        }
        for number, cluster in enumerate(clusters[:CARDS])
    ]


def _group(clusters: list[dict[str, Any]], similarity: Floats, context: PageContext) -> PersonaGroups:
    users = [cluster["users"] for cluster in clusters]
    # Of the name, which stays: the phrases are those of the day.
    names = [cluster["label"].partition(SEPARATOR)[0] for cluster in clusters]
    short_names = ["" if name.startswith(NO_WORDS) else name for name in names]
    return group_personas(context.paths, similarity, users, short_names)


def _list_changes(history: PersonaHistory | None) -> list[tuple[str, list[Any], int]]:
    """Return (kind, the largest `CHANGES_SHOWN` changes of it, the number of others) of each kind that there is."""
    changes = history.changes if history else []
    by_kind = [(kind, [change for change in changes if change.kind == kind]) for kind in KINDS]
    return [(kind, some[:CHANGES_SHOWN], max(len(some) - CHANGES_SHOWN, 0)) for kind, some in by_kind if some]


def list_provenance_settings(provenance: Any) -> list[tuple[str, str, str]]:
    """Return (asset, settings, library versions) as texts for each step in the provenance; empty without provenance.

    Args:
        provenance: As `build_provenance` returns it.
    """
    rows: list[tuple[str, str, str]] = []
    for asset, steps in (provenance or {}).get("steps", {}).items():
        for step in steps:
            settings, versions = (
                ", ".join(f"{name} {value}" for name, value in step.get(part, {}).items())
                for part in ("settings", "versions")
            )
            rows.append((asset, settings, versions))
    return rows


def make_page_data(
    clusters: list[dict[str, Any]],
    map_data: MapData | None,
    *,
    groups: PersonaGroups | None = None,
    threads: Sequence[Sequence[Any]] = (),
) -> dict[str, Any]:
    """Return the data for the page's script: values per cluster, the users on the map, and cards shown on demand.

    Args:
        clusters: The value of `clusters` in `stats.json`.
        map_data: The users of the map, if any.
        groups: The coarser levels of personas, if any.
        threads: The typical thread of each cluster, or empty.
    """
    numbers = choose_shown_numbers(clusters)
    mixes = [[share for _, share in share_by_action_group(cluster["counts"])] for cluster in clusters]
    data: dict[str, Any] = {
        "palette": [choose_colour(number) for number in range(N_COLOURS)],
        "numbers": numbers,
        "colours": [number % N_COLOURS for number in numbers],
        "names": [cluster["label"] for cluster in clusters],
        "descriptions": [cluster["description"] if n < CARDS else "" for n, cluster in enumerate(clusters)],
        # Of those beyond the first cards, the others are among the packed words to search.
        "phrases": [cluster["phrases"][: None if n < CARDS else KEPT] for n, cluster in enumerate(clusters)],
        "words": [
            [word["word"] for word in cluster["words"][: WORDS_SHOWN if n < CARDS else KEPT]]
            for n, cluster in enumerate(clusters)
        ],
        "users": [cluster["users"] for cluster in clusters],
        "levels": [level._asdict() for level in groups.levels] if groups else [],
        "further": {
            "actions": [name for name, _ in share_by_action_group(clusters[0]["counts"])],
            "mix": [
                round(share, 3)
                for _, share in share_by_action_group(sum_counts_over_clusters([c["counts"] for c in clusters]))
            ],
            "hours": [round(1000 * share) for share in compute_hourly_action_shares(clusters)],
            "packed": pack_cards(
                clusters, compare_with_all(clusters), mixes, threads, first=CARDS, words_shown=WORDS_SHOWN
            ),
        },
    }
    if map_data is not None and len(map_data.clusters):
        data["map"] = encode_map(map_data, n_clusters=len(clusters))
    return data


def to_script_json(value: object) -> str:
    """Serialise `value` as JSON in which `<` is escaped, so that it can stand inside a `<script>` element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _digest(inline: str) -> str:
    """Return the SHA-256 digest of an inline style or script in base64, as a Content-Security-Policy takes it."""
    return base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()


def _add_starts(shares: list[tuple[str, float]]) -> list[tuple[str, float, float]]:
    """Return (name, start, share) of each share on a bar of length 1."""
    starts = accumulate((share for _, share in shares), initial=0.0)
    return [(name, start, share) for (name, share), start in zip(shares, starts, strict=False)]


def share_by_action_group(counts: dict[str, int]) -> list[tuple[str, float]]:
    """Return (name, share) of posts, replies, likes, reposts, follows and others among a cluster's actions."""
    total = max(counts["total"], 1)
    shares = [(name, sum(counts[column] for column in columns) / total) for name, columns in COMPARED_ACTIONS.items()]
    return [*shares, ("other", max(0.0, 1 - sum(share for _, share in shares)) if counts["total"] else 0.0)]


def build_outcome_row(action: str, outcomes: dict[str, int]) -> dict[str, Any]:
    """Return a row of the table of outcomes for one action: number seen, number written, other outcomes by number."""
    missing = {outcome: number for outcome, number in outcomes.items() if outcome != "written"}
    return {
        "action": COLUMN_NAMES.get(action, action),
        "seen": sum(outcomes.values()),
        "written": outcomes.get("written", 0),
        "reasons": sorted(missing.items(), key=lambda reason: -reason[1]),
    }
