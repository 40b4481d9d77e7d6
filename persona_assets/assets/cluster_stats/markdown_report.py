"""Render the report as Markdown in which the words and posts of people are never interpreted as markup."""

import re
import unicodedata
from itertools import accumulate
from typing import Any

from persona_assets.assets.cluster_stats.count_actions import COLUMNS
from persona_assets.assets.cluster_stats.identities import choose_shown_numbers

WORDS_SHOWN = 10
# Maximum characters of the words in the UI's table, whose cells do not wrap: a page of 1440 pixels shows all columns.
WORDS_WIDTH = 22
# Number of the largest personas in the table that the UI shows.
PERSONAS_SHOWN = 100
# Format characters that are shown as they are: emoji, Persian and Indic words need them, and they affect nothing else.
_JOINERS = "\u200c\u200d"


def render_markdown(stats: dict[str, Any]) -> str:
    """Render `stats.json` as a Markdown report: counts, words, names, medoid posts and topics of each cluster.

    The sections and columns are the reference's. Words are escaped, and posts are code blocks.

    Args:
        stats: The content of `stats.json`.
    """
    clusters = stats["clusters"]
    counted = [["all", *stats["totals"].values()], ["without persona", *stats["without_persona"].values()]]
    sections = [
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
    return "\n\n".join(sections) + "\n"


def _quote(cluster: int, medoid: dict[str, Any]) -> tuple[str, str]:
    """Return a heading and the post as an indented code block, in which nothing is markup or a mention."""
    shown = _show_hidden(medoid.get("text", medoid["uri"]))
    return f"Cluster {cluster}, similarity {medoid['similarity']:.3f}:", f"    {shown}"


def _show_hidden(text: str) -> str:
    """Return `text` on one line, with invisible characters, such as direction marks, written as <U+XXXX>."""
    return "".join(
        f"<U+{ord(character):04X}>" if _is_hidden(character) else character for character in " ".join(text.split())
    )


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} and character not in _JOINERS


def list_largest_personas(stats: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a table row for each of the `PERSONAS_SHOWN` largest personas: name, size and words, but no posts.

    The UI shows these texts as they are, so they are not escaped.
    """
    numbers = choose_shown_numbers(stats["clusters"])
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
    """Return the best words of a cluster that fit in `WORDS_WIDTH` characters, at least the first one."""
    best = [_show_hidden(word["word"]) for word in cluster["words"][:WORDS_SHOWN]]
    ends = accumulate(len(word) + 2 for word in best)
    fitting = sum(end - 2 <= WORDS_WIDTH for end in ends)
    return ", ".join(best[: max(fitting, 1)])


def markdown_table(head: list[str], rows: list[list[Any]]) -> str:
    """Return a Markdown table with header `head` and these rows of cells.

    Args:
        head: Names of the columns.
        rows: Values of the cells. Texts of people must be escaped before.
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def escape_markdown(text: str) -> str:
    """Return `text` on one line with all ASCII punctuation escaped, so that Markdown shows it as it is."""
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
