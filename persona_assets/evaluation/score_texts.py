"""Scores of predicted texts against those that users wrote, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from persona_assets.evaluation.bootstrap import Estimate, estimate_with_interval

Float64Array = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]

BINS = 50  # of distances from 0 to 2
TOP_TERMS = 100
# Texts whose pairs are compared; of more, the first are. Pairs grow with the square.
MAX_PAIRED_TEXTS = 600


def estimate_cosine(true: Vectors, predicted: Vectors, *, samples: int, seed: int) -> Estimate:
    """Compute the mean cosine similarity of predicted texts to the true ones, with its bootstrap interval.

    Args:
        true: `(n, d)`, unit length.
        predicted: `(n, d)`, unit length, in the same order.
        samples: Number of bootstrap samples.
        seed: Of the samples.
    """
    cosines = np.einsum("ij,ij->i", true.astype(np.float64), predicted.astype(np.float64))
    return estimate_with_interval(
        lambda weights: float(np.average(cosines, weights=weights)), len(cosines), samples=samples, seed=seed
    )


def estimate_distance_divergence(true: Vectors, predicted: Vectors, *, samples: int, seed: int) -> Estimate:
    """Compare the diversity of predicted and true texts: Jensen-Shannon divergence of their distances, 0 to 1.

    The distance of two texts is 1 less their cosine, 0 to 2, in 50 bins. Predicted texts that are all alike, or that
    are more diverse than people's, have a large divergence. NaN with fewer than two texts.

    Args:
        true: `(n, d)`, unit length.
        predicted: `(n, d)`, unit length, in the same order.
        samples: Number of bootstrap samples.
        seed: Of the samples.
    """
    true, predicted = true[:MAX_PAIRED_TEXTS], predicted[:MAX_PAIRED_TEXTS]
    if len(true) < 2:  # noqa: PLR2004 - one text has no pair
        return Estimate(*[float("nan")] * 3)
    first, second = np.triu_indices(len(true), 1)
    bins = [_bin_distances(vectors, first, second) for vectors in (true, predicted)]

    def measure(weights: Float64Array) -> float:
        pairs = weights[first] * weights[second]
        return js_divergence(*(np.bincount(numbers, pairs, minlength=BINS).astype(np.float64) for numbers in bins))

    return estimate_with_interval(measure, len(true), samples=samples, seed=seed)


def _bin_distances(
    vectors: Vectors, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    distances = 1 - (vectors @ vectors.T)[first, second].astype(np.float64)
    return np.clip((distances * BINS / 2).astype(np.int64), 0, BINS - 1)


def js_divergence(p: Float64Array, q: Float64Array) -> float:
    """Return the Jensen-Shannon divergence of two histograms in bits, 0 to 1; NaN if one is empty."""
    if not p.sum() or not q.sum():
        return float("nan")
    p, q = p / p.sum(), q / q.sum()
    mean = (p + q) / 2
    return float(sum(0.5 * (side[side > 0] * np.log2(side[side > 0] / mean[side > 0])).sum() for side in (p, q)))


def estimate_term_overlap(true: Sequence[str], predicted: Sequence[str], *, samples: int, seed: int) -> Estimate:
    """Compute the Jaccard similarity of the 100 terms with the highest TF-IDF on both sides, 0 to 1.

    Inverse document frequencies are of both sides together. NaN if a side has no term.

    Args:
        true: `n` texts that users wrote.
        predicted: `n` texts in the same order.
        samples: Number of bootstrap samples.
        seed: Of the samples.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - 1 s

    if not true:
        return Estimate(*[float("nan")] * 3)
    vectoriser = TfidfVectorizer(stop_words="english")
    try:
        both = vectoriser.fit_transform([*true, *predicted])
    except ValueError:  # scikit-learn: there are only stop words
        return Estimate(*[float("nan")] * 3)
    sides = both[: len(true)].T.tocsr(), both[len(true) :].T.tocsr()

    def measure(weights: Float64Array) -> float:
        tops = [_find_top(side @ weights) for side in sides]
        return len(tops[0] & tops[1]) / len(tops[0] | tops[1]) if all(tops) else float("nan")

    return estimate_with_interval(measure, len(true), samples=samples, seed=seed)


def _find_top(scores: Float64Array) -> set[int]:
    """Return the terms with the highest scores above 0; of equal ones the first in the alphabet."""
    order = np.argsort(-scores, kind="stable")[:TOP_TERMS]
    return set(order[scores[order] > 0].tolist())
