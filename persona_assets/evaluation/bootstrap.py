"""Bootstrap intervals of scores (Efron 1979)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.common.progress import phase

Float64Array = npt.NDArray[np.float64]

# The interval is from this percentile to the same one from above: 95 % of the samples.
_LOW = 2.5


class Estimate(NamedTuple):
    """A score and its 95 % bootstrap interval. All are NaN if the score is not defined for the rows."""

    value: float
    low: float
    high: float


def estimate_with_interval(measure: Callable[[Float64Array], float], rows: int, *, samples: int, seed: int) -> Estimate:
    """Compute a score and its 95 % bootstrap interval, from samples of rows drawn with replacement.

    Args:
        measure: Returns the score of rows by how often each counts, float64 `(n,)`.
        rows: Number of rows n.
        samples: Number of samples; with 0 the interval is NaN.
        seed: Of the samples.
    """
    if not rows:
        return Estimate(*[float("nan")] * 3)
    value = measure(np.ones(rows))
    rng = np.random.default_rng(seed)
    drawn = np.empty(samples)
    with phase("bootstrap of one score", what="samples", total=samples) as measured:
        for number in range(samples):
            drawn[number] = measure(np.bincount(rng.integers(rows, size=rows), minlength=rows).astype(float))
            measured.add(1)
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.percentile(drawn, [_LOW, 100 - _LOW])
    return Estimate(value, float(low), float(high))
