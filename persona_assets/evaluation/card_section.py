"""Put the table of scores into a data card, as a section of its own."""

from __future__ import annotations

from collections.abc import Sequence

from persona_assets.common.markdown_cells import escape_cell
from persona_assets.evaluation.evaluate import Scores, ScoringOptions
from persona_assets.evaluation.write_table import render_score_table

_START, _END = "<!-- scores: begin -->", "<!-- scores: end -->"
# The section of a card that the scores are put before, if it has none.
_BEFORE = "\n## Limits\n"


def put_scores(card: str, scores: Sequence[Scores], options: ScoringOptions, *, text_model: str | None) -> str:
    """Return a card with the scores in its marked section, in place of what was there.

    A card without the section gets it before its limits, or at its end.

    Args:
        card: Markdown.
        scores: Of the models, for the same rows.
        options: How the scores were measured.
        text_model: Name of the model that embedded the texts; None if none did.
    """
    section = f"{_START}\n{_describe(scores, options, text_model)}{_END}"
    before, start, rest = card.partition(_START)
    _, end, after = rest.partition(_END)
    if start and end:
        return f"{before}{section}{after}"
    at = card.find(_BEFORE)
    if at < 0:
        return f"{card.rstrip()}\n\n{section}\n"
    return f"{card[: at + 1]}{section}\n{card[at:]}"


def _describe(scores: Sequence[Scores], options: ScoringOptions, text_model: str | None) -> str:
    rows = max(one.rows for one in scores)
    embedded = f" Texts were embedded by `{text_model}`." if text_model else ""
    table = render_score_table([one._replace(name=escape_cell(one.name)) for one in scores])
    return (
        "## Scores\n\n"
        f"Of the form `next_action`, on the {rows:,} rows of the split `test` that ask for an act, with 95 % intervals "
        f"of {options.samples:,} bootstrap samples of rows (seed {options.seed}).{embedded} The first models are "
        f"baselines that were fitted to the split `train`.\n\n{table}"
    )
