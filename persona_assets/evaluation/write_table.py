"""Write scores as a Markdown table for a data card, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from persona_assets.evaluation.bootstrap import Estimate
from persona_assets.evaluation.evaluate import Scores

# Headings of the scores; an arrow says which way is better.
_HEADINGS = {
    "macro_f1_frequent": "macro-F1 frequent ↑",
    "macro_f1_rare": "macro-F1 rare ↑",
    "diagonality": "diagonality - 1/k ↑",
    "cosine": "cosine ↑",
    "distance_divergence": "JS of distances ↓",
    "term_overlap": "top-100 Jaccard ↑",
}


def render_score_table(scores: Sequence[Scores]) -> str:
    """Render scores as a Markdown table: a row for each model, with 95 % intervals."""
    heads = ["model", *_HEADINGS.values()]
    rows = [[one.name, *(_show(getattr(one, name)) for name in _HEADINGS)] for one in scores]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def to_json(scores: Sequence[Scores], **about: Any) -> str:
    """Render scores and further keys as JSON; undefined numbers are null.

    Args:
        scores: The scores.
        **about: Further keys, such as the day.
    """
    models = [{name: _plain(value) for name, value in one._asdict().items()} for one in scores]
    return json.dumps({**about, "models": models}, indent=2, sort_keys=True, allow_nan=False) + "\n"


def _show(value: Estimate | None) -> str:
    if value is None or math.isnan(value.value):
        return ""
    interval = "" if math.isnan(value.low) else f" ({value.low:.3f} to {value.high:.3f})"
    return f"{value.value:.3f}{interval}"


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return {name: None if math.isnan(number) else round(number, 6) for name, number in value._asdict().items()}
    return value
