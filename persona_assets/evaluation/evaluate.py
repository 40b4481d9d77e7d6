"""Score baselines and predictions on the test rows of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.common.progress import phase
from persona_assets.errors import EvaluationError
from persona_assets.evaluation.baselines import (
    Baseline,
    fit_boosting,
    fit_majority,
    fit_nearest,
    fit_persona_prior,
    predict_with_texts,
)
from persona_assets.evaluation.bootstrap import Estimate
from persona_assets.evaluation.rows import Predictions, Rows
from persona_assets.evaluation.score_actions import estimate_diagonality, estimate_macro_f1
from persona_assets.evaluation.score_texts import (
    estimate_cosine,
    estimate_distance_divergence,
    estimate_term_overlap,
)

# Returns unit vectors of texts, float32 `(n, d)`.
Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]


class ScoringOptions(NamedTuple):
    """Options of scoring: number of bootstrap samples, seed, and maximum number of texts."""

    samples: int = 1000  # of the bootstrap
    seed: int = 0
    max_texts: int = 2000  # predicted texts that are scored; of more, as many are drawn


class Scores(NamedTuple):
    """All scores of one model on the test rows, and numbers of missing and invalid predictions.

    None where they cannot be measured.
    """

    name: str
    rows: int  # test rows that ask for an action
    texts: int  # predicted texts that were compared
    missing: int  # rows without a prediction, which count as wrong
    unknown: int  # predictions of no test row
    invalid: int  # predicted actions that no row of the data set has, which count as wrong
    macro_f1_frequent: Estimate
    macro_f1_rare: Estimate
    cosine: Estimate | None
    distance_divergence: Estimate | None
    term_overlap: Estimate | None
    diagonality: Estimate | None


def predict_baselines(splits: Mapping[str, Rows], *, seed: int) -> dict[str, Predictions]:
    """Fit each baseline to the training rows, and return its predictions for the test rows by name.

    Raises:
        EvaluationError: A split is missing or asks for no action.
    """
    training, test = (_require(splits, name) for name in ("train", "test"))
    asking = training.take(np.flatnonzero(training.asks_for_action))
    if not len(asking.line_ids):
        raise EvaluationError("the split train has no row that asks for an action")
    validation = splits.get("validation", training.take(np.array([], np.int64)))
    validation = validation.take(np.flatnonzero(validation.asks_for_action))
    fits: dict[str, Callable[[], Baseline]] = {
        "majority": lambda: fit_majority(asking),
        "persona prior": lambda: fit_persona_prior(asking),
        "nearest context": lambda: fit_nearest(asking, seed=seed),
    }
    if len(np.unique(asking.actions)) > 1:
        fits["gradient boosting"] = lambda: fit_boosting(asking, validation, seed=seed)
    predictions: dict[str, Predictions] = {}
    with phase("fitting baselines", what="baselines", total=len(fits)) as fitted:
        for name, fit in fits.items():
            predictions[name] = predict_with_texts(fit(), test, training, seed=seed)
            fitted.add(1)
    return predictions


def _require(splits: Mapping[str, Rows], name: str) -> Rows:
    if name not in splits or not len(splits[name].line_ids):
        raise EvaluationError(f"next_action has no rows in the split {name}: its splits are {', '.join(splits)}")
    return splits[name]


def score_predictions(
    name: str, predictions: Predictions, splits: Mapping[str, Rows], *, embed: Embed | None, options: ScoringOptions
) -> Scores:
    """Compute all scores of one model's predictions for the test rows.

    Args:
        name: Name of the model.
        predictions: For the test rows, in their order.
        splits: Rows by split.
        embed: Embeds texts; without it cosine and distance_divergence are None.
        options: How scores are measured.

    Raises:
        EvaluationError: There are no test rows.
    """
    test = _require(splits, "test")
    asking = np.flatnonzero(test.asks_for_action)
    known = {f"{action}" for rows in splits.values() for action in rows.actions[rows.asks_for_action]}
    true, predicted = test.actions[asking], predictions.actions[asking]
    frequent = {
        f"{action}" for rows in splits.values() for action in rows.actions[rows.frequent & rows.asks_for_action]
    }
    samples = {"samples": options.samples, "seed": options.seed}
    others = {one: actions[asking] for one, actions in (predictions.as_persona or {}).items()}
    given = predicted[predicted != ""]
    cosine, divergence, overlap, texts = _score_texts(test, predictions, embed, options)
    return Scores(
        name=name,
        rows=len(asking),
        texts=texts,
        missing=predictions.missing,
        unknown=predictions.unknown,
        invalid=int((~np.isin(given, sorted(known))).sum()),
        macro_f1_frequent=estimate_macro_f1(true, predicted, of=frequent, **samples),
        macro_f1_rare=estimate_macro_f1(true, predicted, of=known - frequent, **samples),
        cosine=cosine,
        distance_divergence=divergence,
        term_overlap=overlap,
        diagonality=estimate_diagonality(true, test.personas[asking], others, **samples),
    )


def _score_texts(
    test: Rows, predictions: Predictions, embed: Embed | None, options: ScoringOptions
) -> tuple[Estimate | None, Estimate | None, Estimate | None, int]:
    """Compare texts of the rows that have both; return three scores and the number of texts."""
    both = [at for at, text in enumerate(test.texts) if text is not None and predictions.texts[at] is not None]
    if not both:
        return None, None, None, 0
    rng = np.random.default_rng(options.seed)
    chosen = rng.permutation(both)[: options.max_texts].tolist()
    true, predicted = ([texts[at] or "" for at in chosen] for texts in (test.texts, predictions.texts))
    samples = {"samples": options.samples, "seed": options.seed}
    overlap = estimate_term_overlap(true, predicted, **samples)
    if embed is None:
        return None, None, overlap, len(chosen)
    vectors = embed(true), embed(predicted)
    cosine = estimate_cosine(*vectors, **samples)
    return cosine, estimate_distance_divergence(*vectors, **samples), overlap, len(chosen)
