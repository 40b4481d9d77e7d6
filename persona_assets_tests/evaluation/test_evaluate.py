"""Baselines and predictions are scored on the test rows alone."""

import numpy as np
import pytest

from persona_assets.errors import EvaluationError
from persona_assets.evaluation.evaluate import ScoringOptions, predict_baselines, score_predictions
from persona_assets.evaluation.rows import Predictions
from persona_assets_tests.evaluation.builders import embed, plant, split_by

OPTIONS = ScoringOptions(samples=50)


@pytest.fixture(scope="module")
def splits():
    table, threads = plant()
    return split_by(table, threads)


@pytest.fixture(scope="module")
def scores(splits):
    found = predict_baselines(splits, seed=0)
    return {name: score_predictions(name, one, splits, embed=embed, options=OPTIONS) for name, one in found.items()}


def test_baselines_are_scored_with_intervals(scores, splits):
    assert list(scores) == ["majority", "persona prior", "nearest context", "gradient boosting"]
    boosting = scores["gradient boosting"]
    assert boosting.rows == len(splits["test"].line_ids)
    assert boosting.macro_f1_frequent.low > scores["majority"].macro_f1_frequent.high
    assert boosting.macro_f1_rare.low > scores["persona prior"].macro_f1_rare.value
    assert (boosting.missing, boosting.unknown, boosting.invalid) == (0, 0, 0)


def test_diagonality_is_0_for_baselines_that_ignore_the_persona_and_above_it_for_others(scores):
    assert scores["majority"].diagonality.value == pytest.approx(0)
    assert scores["nearest context"].diagonality.value == pytest.approx(0)
    assert scores["persona prior"].diagonality.low > 0.1
    assert scores["gradient boosting"].diagonality.low > 0.1


def test_texts_are_scored_where_both_sides_have_one(scores, splits):
    written = sum(text is not None for text in splits["test"].texts)
    assert scores["persona prior"].texts == written
    assert 0 < scores["persona prior"].cosine.value < 1
    assert 0 <= scores["persona prior"].distance_divergence.value <= 1
    assert scores["gradient boosting"].cosine is None


def test_the_truth_has_perfect_scores(splits):
    test = splits["test"]
    truth = Predictions(test.actions, test.texts)

    found = score_predictions("truth", truth, splits, embed=embed, options=OPTIONS)

    assert found.macro_f1_frequent == found.macro_f1_rare == (1, 1, 1)
    assert found.cosine.value == pytest.approx(1, abs=1e-6)
    assert (found.distance_divergence.value, found.term_overlap.value, found.diagonality) == (0, 1, None)


def test_what_is_missing_or_no_action_counts_as_wrong(splits):
    test = splits["test"]
    actions = test.actions.copy().astype("<U20")
    actions[:3], actions[3:5] = "", "something else"

    found = score_predictions(
        "some", Predictions(actions, [None] * len(actions), missing=3), splits, embed=None, options=OPTIONS
    )

    assert (found.missing, found.invalid) == (3, 2)
    assert min(found.macro_f1_frequent.value, found.macro_f1_rare.value) < 1


def test_without_a_model_only_the_words_of_texts_are_compared(splits):
    test = splits["test"]
    found = score_predictions("truth", Predictions(test.actions, test.texts), splits, embed=None, options=OPTIONS)

    assert (found.cosine, found.distance_divergence, found.term_overlap.value) == (None, None, 1)


def test_rows_that_ask_for_a_text_have_no_part_in_scores_of_acts(splits):
    test = splits["test"]
    asks = np.arange(len(test.line_ids)) % 2 == 0
    half = {**splits, "test": test._replace(asks_for_action=asks)}
    wrong = np.where(asks, test.actions, "block")

    found = score_predictions("half", Predictions(wrong, test.texts), half, embed=None, options=OPTIONS)

    assert found.rows == asks.sum()
    assert found.macro_f1_rare.value == 1


def test_a_data_set_without_a_split_is_an_error(splits):
    with pytest.raises(EvaluationError, match="no rows in the split test"):
        predict_baselines({"train": splits["train"]}, seed=0)
    nothing = splits["train"]._replace(asks_for_action=np.zeros(len(splits["train"].line_ids), bool))
    with pytest.raises(EvaluationError, match="no row that asks for an action"):
        predict_baselines({**splits, "train": nothing}, seed=0)
