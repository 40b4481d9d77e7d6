import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.dataset.stratify import TEST, TRAIN, VALIDATION, assign_units

SHARES = np.array([0.8, 0.1, 0.1])


def keys(n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, n).astype(np.uint64)


def test_each_stratum_has_the_asked_shares() -> None:
    rng = np.random.default_rng(1)
    strata, weights = rng.integers(0, 5, 5000), rng.integers(1, 9, 5000)

    splits = assign_units(weights, strata, keys(5000), SHARES)

    for stratum in range(5):
        of_split = np.bincount(splits[strata == stratum], weights[strata == stratum])
        assert np.abs(of_split / of_split.sum() - SHARES).max() < 0.01


def test_a_heavy_unit_goes_to_train_and_the_others_are_still_in_all_splits() -> None:
    weights = np.array([1000] + [1] * 20)

    splits = assign_units(weights, np.zeros(21, np.int64), keys(21), SHARES)

    assert splits[0] == TRAIN
    assert set(splits.tolist()) == {TRAIN, VALIDATION, TEST}


def test_three_units_make_all_three_splits() -> None:
    for seed in range(20):
        splits = assign_units(np.array([5, 5, 5]), np.zeros(3, np.int64), keys(3, seed), SHARES)
        assert sorted(splits.tolist()) == [TRAIN, VALIDATION, TEST]


def test_a_single_unit_is_train() -> None:
    assert assign_units(np.array([3]), np.array([1]), keys(1), SHARES).tolist() == [TRAIN]
    assert assign_units(np.empty(0, np.int64), np.empty(0, np.int64), keys(0), SHARES).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 4)), min_size=1, max_size=60), st.randoms())
def test_assignment_does_not_depend_on_the_order_of_units(units, random) -> None:
    weights, strata = (np.array(column) for column in zip(*units, strict=True))
    order = np.array(random.sample(range(len(units)), len(units)))

    splits = assign_units(weights, strata, keys(len(units)), SHARES)

    assert (assign_units(weights[order], strata[order], keys(len(units))[order], SHARES) == splits[order]).all()


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), min_size=1, max_size=60))
def test_a_stratum_with_three_units_has_all_splits(units) -> None:
    weights, strata = (np.array(column) for column in zip(*units, strict=True))

    splits = assign_units(weights, strata, keys(len(units)), SHARES)

    for stratum in np.unique(strata):
        found = set(splits[strata == stratum].tolist())
        assert len(found) == min(3, int((strata == stratum).sum()))
        assert TRAIN in found
