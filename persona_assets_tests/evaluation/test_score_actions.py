"""Macro-F1 and diagonality are those of their definitions."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from persona_assets.evaluation.score_actions import (
    diagonality,
    estimate_diagonality,
    estimate_macro_f1,
    macro_f1,
)

TRUE = np.array(["like", "like", "like", "follow", "quote", "quote"])
PREDICTED = np.array(["like", "like", "follow", "follow", "", "like"])


def test_macro_f1_is_scikit_learns_over_the_classes_that_occur():
    expected = f1_score(TRUE, PREDICTED, labels=["follow", "like", "quote"], average="macro", zero_division=0)

    assert macro_f1(TRUE, PREDICTED) == pytest.approx(expected)


def test_frequent_and_rare_acts_are_scored_apart_and_wrong_rows_of_the_others_count():
    frequent = estimate_macro_f1(TRUE, PREDICTED, of={"like", "repost"}, samples=0, seed=0)
    rare = estimate_macro_f1(TRUE, PREDICTED, of={"follow", "quote"}, samples=0, seed=0)

    # like: 2 right, 1 missed, 1 of a quote. repost does not occur. follow: 1 right, 1 of a like. quote: none right.
    assert frequent.value == pytest.approx(2 / 3)
    assert rare.value == pytest.approx((2 / 3 + 0) / 2)


def test_the_interval_has_the_score_and_narrows_with_rows():
    rng = np.random.default_rng(0)

    def width(rows):
        true = rng.choice(["like", "follow"], rows)
        wrong = np.where(true == "like", "follow", "like")
        found = estimate_macro_f1(
            true, np.where(rng.random(rows) < 0.7, true, wrong), of={"like", "follow"}, samples=200, seed=0
        )
        assert found.low < found.value < found.high
        return found.high - found.low

    assert width(2000) < 0.5 * width(200)


def test_no_rows_have_no_score():
    assert np.isnan(estimate_macro_f1(TRUE[:0], PREDICTED[:0], of={"like"}, samples=10, seed=0).value)
    assert np.isnan(estimate_macro_f1(TRUE, PREDICTED, of={"block"}, samples=10, seed=0).value)


@pytest.mark.parametrize(
    ("matrix", "expected"), [([[1, 1], [1, 1]], 0), ([[1, 0], [0, 1]], 0.5), ([[0, 0], [0, 0]], 0)]
)
def test_the_diagonal_of_a_model_that_knows_nothing_is_0(matrix, expected):
    assert diagonality(np.array(matrix, float)) == expected


def test_diagonality_tells_a_model_that_uses_the_persona_from_one_that_does_not():
    personas = np.repeat(["0", "1"], 50)
    true = np.where(personas == "0", "like", "follow")
    uses = {"0": np.full(100, "like"), "1": np.full(100, "follow")}
    ignores = dict.fromkeys(("0", "1"), np.tile(["like", "follow"], 50))

    found = estimate_diagonality(true, personas, uses, samples=50, seed=0)
    assert found is not None
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    nothing = estimate_diagonality(true, personas, ignores, samples=50, seed=0)
    assert nothing is not None
    assert nothing.value == pytest.approx(0)


def test_one_persona_has_no_diagonality():
    assert estimate_diagonality(TRUE, np.full(6, "0"), {"0": PREDICTED}, samples=5, seed=0) is None
    assert estimate_diagonality(TRUE, np.full(6, "0"), {}, samples=5, seed=0) is None
