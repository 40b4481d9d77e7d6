"""Scores of predicted acts: macro-F1, and diagonality over personas, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.evaluation.bootstrap import Estimate, estimate_with_interval

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
Actions = npt.NDArray[np.str_]

# Rows of a persona from which diagonality is measured; of more, as many are drawn.
MAX_ROWS_OF_PERSONA = 200


class EncodedActions(NamedTuple):
    """True and predicted acts as indices into `classes`, the distinct acts."""

    classes: Actions  # (k,), those that occur, sorted
    true: Int64Array  # (n,)
    predicted: Int64Array  # (n,)


def encode_actions(true: Actions, predicted: Actions) -> EncodedActions:
    """Convert true and predicted acts to indices into the sorted distinct acts."""
    classes, numbers = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    return EncodedActions(classes, numbers[: len(true)], numbers[len(true) :])


def f1_by_class(coded: EncodedActions, weights: Float64Array | None = None) -> Float64Array:
    """Return the F1 of each class, `(k,)`; NaN for a class that does not occur among the true acts.

    Args:
        coded: The acts.
        weights: `(n,)`, how often each row counts; once if None.
    """
    k = len(coded.classes)
    hits = coded.true == coded.predicted
    weights = np.ones(len(coded.true)) if weights is None else weights
    true_positive = np.bincount(coded.true[hits], weights[hits], minlength=k)
    true, predicted = np.bincount(coded.true, weights, minlength=k), np.bincount(coded.predicted, weights, minlength=k)
    with np.errstate(invalid="ignore"):
        return np.where(true > 0, 2 * true_positive / (true + predicted), np.nan)


def macro_f1(true: Actions, predicted: Actions) -> float:
    """Return the mean F1 of the classes that occur among the true acts; NaN without rows."""
    return mean_without_nan(f1_by_class(encode_actions(true, predicted)))


def mean_without_nan(values: Float64Array) -> float:
    """Return the mean of the values that are not NaN; NaN if all are."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def estimate_macro_f1(
    true: Actions,
    predicted: Actions,
    *,
    of: set[str],
    samples: int,
    seed: int,
) -> Estimate:
    """Compute the macro-F1 over the classes `of`, with its bootstrap interval.

    All rows count: a prediction of one of the classes for a row of another class is a false positive.

    Args:
        true: `(n,)`, acts.
        predicted: `(n,)`, predictions.
        of: The classes, such as the rare acts.
        samples: Number of bootstrap samples.
        seed: Of the samples.
    """
    coded = encode_actions(true, predicted)
    at = np.flatnonzero(np.isin(coded.classes, sorted(of)))
    return estimate_with_interval(
        lambda weights: mean_without_nan(f1_by_class(coded, weights)[at]), len(true), samples=samples, seed=seed
    )


def estimate_diagonality(
    true: Actions,
    personas: npt.NDArray[np.str_],
    as_persona: Mapping[str, Actions],
    *,
    samples: int,
    seed: int,
) -> Estimate | None:
    """Compute how much better predictions made as the row's persona are than those made as others.

    The matrix has the macro-F1 on rows of persona j of predictions made as persona i. A model that ignores personas has
    equal rows, of which the diagonal has 1/k. The result is 0 for such a model, and at most 1 - 1/k.

    Args:
        true: `(n,)`, acts.
        personas: `(n,)`, persona of each row.
        as_persona: Predictions for the same rows, by the persona as which they were made.
        samples: Number of bootstrap samples.
        seed: Of the samples, and of the rows that are drawn of large personas.

    Returns:
        None if fewer than two personas have both rows and predictions.
    """
    names = sorted(set(as_persona) & set(personas.tolist()))
    if len(names) < 2:  # noqa: PLR2004 - a matrix of one persona is all diagonal
        return None
    rng = np.random.default_rng(seed)
    chosen: list[Int64Array] = []
    for name in names:
        rows = np.flatnonzero(personas == name)
        chosen.append(rng.choice(rows, min(len(rows), MAX_ROWS_OF_PERSONA), replace=False))
    cells = [[encode_actions(true[rows], as_persona[name][rows]) for rows in chosen] for name in names]
    ends = np.cumsum([len(rows) for rows in chosen])[:-1]

    def measure(weights: Float64Array) -> float:
        parts = np.split(weights, ends)
        matrix = [[mean_without_nan(f1_by_class(*of)) for of in zip(row, parts, strict=True)] for row in cells]
        return diagonality(np.nan_to_num(np.array(matrix)))

    return estimate_with_interval(measure, sum(map(len, chosen)), samples=samples, seed=seed)


def diagonality(matrix: Float64Array) -> float:
    """Return the share of a square matrix's sum that is on its diagonal, less 1/k; 0 for a matrix of zeros."""
    total = float(matrix.sum())
    return float(np.trace(matrix)) / total - 1 / len(matrix) if total > 0 else 0.0
