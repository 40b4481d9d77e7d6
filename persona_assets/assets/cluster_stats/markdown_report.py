"""Render the report as Markdown in which no renderer makes anything of what people wrote."""

import re
import unicodedata
from itertools import accumulate
from typing import Any

from persona_assets.assets.cluster_stats.count_actions import COLUMNS
from persona_assets.assets.cluster_stats.identities import number_personas

WORDS_SHOWN = 10
# Signs of the words in a table whose cells break no lines, so that a page of 1440 pixels shows them all.
WORDS_WIDTH = 22
# Personas in the table that the UI shows, the largest.
PERSONAS_SHOWN = 100
# Are part of emoji and of Persian and Indian words, and change nothing around them.
_JOINERS = "\u200c\u200d"


def render_markdown(stats: dict[str, Any]) -> str:
    """Return the reference's tables: cluster statistics, top words, topics; and medoid posts, each as it is.

    Words are escaped, and posts are blocks of code.

    Args:
        stats: The content of `stats.json`.
    """
    clusters = stats["clusters"]
    counted = [["all", *stats["totals"].values()], ["without persona", *stats["without_persona"].values()]]
    parts = [
        f"# Personas of {stats['day']}",
        "## Cluster statistics",
        markdown_table(["cluster", *COLUMNS], [[c["cluster_id"], *c["counts"].values()] for c in clusters] + counted),
        "## Top words",
        markdown_table(["cluster", "words"], [[c["cluster_id"], _top_words(c)] for c in clusters]),
        "## Names",
        markdown_table(["cluster", "persona", "name", "description"], [_name_row(c) for c in clusters]),
        "## Medoid posts",
        *(part for c in clusters for medoid in c["medoids"] for part in _quote(c["cluster_id"], medoid)),
        "## LDA topics",
        markdown_table(["cluster", "topic", "words"], [row for c in clusters for row in _topic_rows(c)]),
    ]
    return "\n\n".join(parts) + "\n"


def _quote(cluster: int, medoid: dict[str, Any]) -> tuple[str, str]:
    """Return a heading and a post on a line of its own, indented: nothing in a line of code is markup or a name."""
    shown = _show_hidden(medoid.get("text", medoid["uri"]))
    return f"Cluster {cluster}, similarity {medoid['similarity']:.3f}:", f"    {shown}"


def _show_hidden(text: str) -> str:
    """Return `text` on one line; signs not to be seen, such as those that turn its direction, by their numbers."""
    return "".join(f"<U+{ord(sign):04X}>" if _is_hidden(sign) else sign for sign in " ".join(text.split()))


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"} and sign not in _JOINERS


def list_personas(stats: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the largest personas, largest first, for a table that shows text as it is: size and words, no posts."""
    numbers = number_personas(stats["clusters"])
    return [
        {
            "persona": number,
            "cluster": cluster["cluster_id"],
            "name": _show_hidden(cluster["label"]),
            "users": cluster["users"],
            "share": f"{cluster['share']:.1%}",
            "words": _list_words(cluster),
        }
        for number, cluster in zip(numbers[:PERSONAS_SHOWN], stats["clusters"], strict=False)
    ]


def _list_words(cluster: dict[str, Any]) -> str:
    """Return the best words of a cluster, as many as fit; the first one in any case."""
    best = [_show_hidden(word["word"]) for word in cluster["words"][:WORDS_SHOWN]]
    ends = accumulate(len(word) + 2 for word in best)
    fitting = sum(end - 2 <= WORDS_WIDTH for end in ends)
    return ", ".join(best[: max(fitting, 1)])


def markdown_table(head: list[str], rows: list[list[Any]]) -> str:
    """Return a Markdown table.

    Args:
        head: Of the columns.
        rows: Numbers and our own words; what people wrote must be escaped before.
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def escape_markdown(text: str) -> str:
    """Return `text` on one line for a Markdown renderer to show as it is, in a table too."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", _show_hidden(text))


def _top_words(cluster: dict[str, Any]) -> str:
    return ", ".join(escape_markdown(word["word"]) for word in cluster["words"][:WORDS_SHOWN])


def _name_row(cluster: dict[str, Any]) -> list[Any]:
    persona = "" if cluster["persona_id"] is None else cluster["persona_id"]
    return [cluster["cluster_id"], persona, escape_markdown(cluster["label"]), escape_markdown(cluster["description"])]


def _topic_rows(cluster: dict[str, Any]) -> list[list[Any]]:
    if cluster["topics_note"]:
        return [[cluster["cluster_id"], "", cluster["topics_note"]]]
    topics = [", ".join(map(escape_markdown, words)) for words in cluster["topics"]]
    return [[cluster["cluster_id"], number, words] for number, words in enumerate(topics, 1)]
