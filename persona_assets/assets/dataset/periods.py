"""Choose the periods of train, validation and test, with a gap between them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from persona_assets.assets.dataset.stratify import TEST, TRAIN, VALIDATION, Shares, SplitNumbers
from persona_assets.errors import SplitError

Int64Array = npt.NDArray[np.int64]

_BINS = 1024
_HOUR_US = 3_600_000_000


def assign_periods(
    first_time_us: Int64Array, last_time_us: Int64Array, shares: Shares, gap_hours: float
) -> SplitNumbers:
    """Return the period (train, validation or test) in which each line lies whole: int8 `(n,)`, -1 for none.

    Borders are those of 1,024 equal bins of time, chosen so that as many lines as possible are in the asked shares. At
    least `gap_hours` lie between the last instant of a period and the first of the next.

    Args:
        first_time_us: int64 `(n,)`, the first instant of each line.
        last_time_us: int64 `(n,)`, the last one.
        shares: float64 `(3,)`, asked of the lines that are in a period.
        gap_hours: At least 0.

    Raises:
        SplitError: The lines span too little time for three periods and two gaps.
    """
    if not len(first_time_us):
        return np.empty(0, np.int8)
    start, end = int(first_time_us.min()), int(last_time_us.max())
    width = max(1, math.ceil((end - start + 1) / _BINS))
    gap = math.ceil(gap_hours * _HOUR_US / width)
    first, last = (first_time_us - start) // width, (last_time_us - start) // width
    train_end, validation_end = _choose_borders(first, last, gap, shares)
    periods = np.full(len(first), -1, np.int8)
    periods[last < train_end] = TRAIN
    periods[(first >= train_end + gap) & (last < validation_end)] = VALIDATION
    periods[first >= validation_end + gap] = TEST
    return periods


def _choose_borders(first: Int64Array, last: Int64Array, gap: int, shares: Shares) -> tuple[int, int]:
    """Return the bins with which train and validation end, so that the scarcest split has the most of its share."""
    # before[i, j]: the lines that begin before bin i and end before bin j.
    counts = np.bincount(first * _BINS + last, minlength=_BINS * _BINS).reshape(_BINS, _BINS)
    before = np.zeros((_BINS + 1, _BINS + 1), np.int64)
    before[1:, 1:] = counts.cumsum(axis=0).cumsum(axis=1)
    ends = np.arange(_BINS + 1)
    later = np.minimum(ends + gap, _BINS)
    n_train = before[_BINS, ends]
    n_validation = before[_BINS, ends][None, :] - before[later[:, None], ends[None, :]]
    n_test = before[_BINS, _BINS] - before[later, _BINS]
    train, validation, test = shares
    scarcest = np.minimum(np.minimum(n_train[:, None] / train, n_validation / validation), n_test[None, :] / test)
    # A validation that ends before it begins has no lines, or a negative number of them.
    train_end, validation_end = np.unravel_index(int(scarcest.argmax()), scarcest.shape)
    if scarcest[train_end, validation_end] <= 0:
        raise SplitError(
            "the lines span too little time for train, validation and test with gaps between them: lower "
            "PERSONA_DATASET_GAP_HOURS, use a longer window, or set PERSONA_DATASET_SPLIT=components"
        )
    return int(train_end), int(validation_end)
