"""Assign units, each whole, to splits, so that each stratum has the asked shares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from persona_assets.assets.dataset.keyed_hash import Hashes

TRAIN, VALIDATION, TEST = range(3)
N_SPLITS = 3

Shares = npt.NDArray[np.float64]
SplitNumbers = npt.NDArray[np.int8]
Int64Array = npt.NDArray[np.int64]


def assign_units(
    weights: Int64Array, strata: Int64Array, keys: Hashes, shares: Shares, *, fill_empty: bool = True
) -> SplitNumbers:
    """Assign weighted units to splits so that each stratum has the asked shares; return the split of each unit.

    The units of a stratum are put in the order of their keys, those of more weight than half of the smallest share
    last, by weight. Validation and test are the beginning of that order, and train the rest. If a split of a stratum
    stays empty although another has two units or more, the lightest unit of the split with most units goes there.

    Args:
        weights: int64 `(n,)`, at least 0.
        strata: int64 `(n,)`, any numbers.
        keys: uint64 `(n,)`, pseudo-random. Equal keys are ordered by weight.
        shares: float64 `(3,)` or `(n_strata, 3)` in the order of the strata's numbers; rows sum to 1.
        fill_empty: Whether empty splits get a unit.

    Returns:
        int8 `(n,)`: `TRAIN`, `VALIDATION` or `TEST`.
    """
    if not len(weights):
        return np.empty(0, np.int8)
    names, stratum = np.unique(strata, return_inverse=True)
    shares = np.broadcast_to(shares, (len(names), N_SPLITS))
    totals = np.bincount(stratum, weights)
    is_heavy = weights > totals[stratum] * shares[:, [VALIDATION, TEST]].min(axis=1)[stratum] / 2
    order = np.lexsort((weights, keys, np.where(is_heavy, weights, 0), is_heavy, stratum))
    ordered = weights[order].astype(np.float64)
    before = np.cumsum(ordered) - ordered
    starts = np.searchsorted(stratum[order], np.arange(len(names)))
    middle = before - before[starts][stratum[order]] + ordered / 2
    place = middle / np.maximum(totals, 1)[stratum[order]]
    test_ends = shares[:, TEST][stratum[order]]
    validation_ends = test_ends + shares[:, VALIDATION][stratum[order]]
    assigned = np.empty(len(weights), np.int8)
    assigned[order] = np.where(place < test_ends, TEST, np.where(place < validation_ends, VALIDATION, TRAIN))
    if fill_empty:
        _fill_empty(assigned, stratum, weights, keys)
    return assigned


def _fill_empty(assigned: SplitNumbers, stratum: Int64Array, weights: Int64Array, keys: Hashes) -> None:
    """Give each empty split of a stratum a unit of another that has several, where there is one; changes `assigned`."""
    counts = np.bincount(stratum * N_SPLITS + assigned, weights > 0, minlength=(stratum.max() + 1) * N_SPLITS)
    counts = counts.reshape(-1, N_SPLITS)
    lacking = np.flatnonzero((counts == 0).any(axis=1) & (counts.sum(axis=1) > 1))
    order = np.lexsort((keys, weights, stratum))
    starts = np.searchsorted(stratum[order], lacking)
    ends = np.searchsorted(stratum[order], lacking, side="right")
    for one, start, end in zip(lacking.tolist(), starts.tolist(), ends.tolist(), strict=True):
        units = order[start:end]
        units = units[weights[units] > 0]
        for split in (TRAIN, TEST, VALIDATION):
            fullest = int(counts[one].argmax())
            if counts[one, split] or counts[one, fullest] < 2:  # noqa: PLR2004 - one must stay
                continue
            moved = units[assigned[units] == fullest][0]
            assigned[moved] = split
            counts[one, fullest] -= 1
            counts[one, split] += 1
