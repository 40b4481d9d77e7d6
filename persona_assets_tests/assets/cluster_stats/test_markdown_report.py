"""The Markdown report."""

import re
import unicodedata

import pytest
from markdown_it import MarkdownIt

from persona_assets.assets.cluster_stats.count_actions import COLUMNS
from persona_assets.assets.cluster_stats.markdown_report import escape_markdown, list_largest_personas, render_markdown

# Texts that a renderer of CommonMark, or of GitHub's flavour of it, would interpret.
HOSTILE = [
    "![pixel](https://evil.example/p.png)",
    "[click](javascript:alert(1))",
    "<img src=https://evil.example/p.png onerror=alert(1)>",
    "<script>alert(1)</script><!-- ",
    "https://evil.example www.evil.example <https://evil.example> someone@evil.example",
    "@someone #123 GH-1 someone/repository#1",
    "` `` ``` code | pipe \\| more \\\\| ``",
    "[ref]: https://evil.example \n\n[ref]",
    "# head\n- list\n> quote\n\n***\n| a | b |\n|---|---|\n1. one",
    "\ttab\r\rreturn\x0c\x0bfeed \x00 nul \u2028 line \u2029",
    "**bold** _it_ ~~gone~~ $x^2$ :tada: &lt;b&gt; &#60; [^1]",
    "\u202eright to left\u2066 \u200b\ufeff zero width",
]
# Words consist of letters, digits, "_" and a leading "#", so none of them can be an address or a mention.
MARKUP = [text for text in HOSTILE if not re.search(r"@|://|www|/", text)]
PLAIN = {"text", "inline", "code_block", "paragraph_open", "paragraph_close", "heading_open", "heading_close"}


def render(markdown):
    """Return the tokens of a Markdown renderer with tables, inline tokens included."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    return [token for outer in tokens for token in (outer, *(outer.children or []))]


def stats_of(*, show_posts=True):
    """Return `stats.json` of two clusters: one with hostile words and posts, one without any."""
    medoids = [{"uri": f"at://did:web:{text}/x", "similarity": 0.5, "text": text} for text in HOSTILE]
    if not show_posts:
        medoids = [{"uri": medoid["uri"], "similarity": 0.5} for medoid in medoids]
    counts = dict.fromkeys(COLUMNS, 7)
    of_each = {
        "users": 12,
        "share": 0.5,
        "counts": counts,
        "persona_id": None,
        "label": MARKUP[0],
        "description": MARKUP[1],
    }
    hostile = {
        "words": [{"word": text} for text in MARKUP],
        "medoids": medoids,
        "topics": [MARKUP],
        "topics_note": None,
    }
    silent = {"words": [], "medoids": [], "topics": [], "topics_note": "insufficient data: 3 posts"}
    return {
        "day": "2025-03-03",
        "totals": counts,
        "without_persona": counts,
        "clusters": [{"cluster_id": n, **of_each, **content} for n, content in enumerate((hostile, silent))],
    }


@pytest.mark.parametrize("show_posts", [True, False])
def test_no_text_of_a_person_is_markup_a_link_or_a_mention(show_posts):
    tokens = render(render_markdown(stats_of(show_posts=show_posts)))

    posts = [token.content for token in tokens if token.type == "code_block"]
    others = {token.type for token in tokens if not token.type.startswith(("table", "th", "tr", "td", "tbody"))}
    assert others == PLAIN
    assert len(posts) == len(HOSTILE)
    if show_posts:
        assert posts[0].strip() == HOSTILE[0]
        assert posts[6].split() == HOSTILE[6].split()
    # GitHub looks for addresses and names in what was rendered, but not in code.
    outside = [token.content for token in tokens if token.type == "text"]
    assert [text for text in outside if re.search(r"@\w|://|www\.|(?<!&)#\d", text)] == []


def test_words_are_shown_as_they_are():
    words = ", ".join(" ".join(text.split()) for text in MARKUP[:2])

    lines = [
        "".join(part.content for part in token.children)
        for token in render(render_markdown(stats_of()))
        if token.children
    ]

    assert any(line.startswith(words) for line in lines)


def test_invisible_characters_are_shown_by_their_code_points():
    markdown = render_markdown(stats_of())

    assert "    <U+202E>right to left<U+2066> <U+200B><U+FEFF> zero width" in markdown
    assert {sign for sign in markdown if unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"}} == {"\n"}


def test_a_word_cannot_end_its_table_cell():
    assert escape_markdown("x | y\nz") == "x \\| y z"


def test_the_table_of_personas_has_no_posts():
    first, *_ = list_largest_personas(stats_of())

    assert (first["persona"], first["users"], first["share"]) == (0, 12, "50.0%")
    assert "click" in first["words"]
    assert "evil" not in str(first)


def test_the_sections_are_those_of_the_reference():
    text = render_markdown(stats_of())

    for title in ("Cluster statistics", "Top words", "Medoid posts", "LDA topics"):
        assert f"## {title}" in text
    assert "| cluster | " + " | ".join(COLUMNS) + " |" in text
    assert "| 1 |  | insufficient data: 3 posts |" in text
