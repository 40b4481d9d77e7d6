"""Baselines order as they should on planted rows, and memorising wins only where a split leaks."""

import numpy as np
import pytest

from persona_assets.evaluation.baselines import (
    fit_boosting,
    fit_majority,
    fit_nearest,
    fit_persona_prior,
    predict_with_texts,
)
from persona_assets.evaluation.score_actions import macro_f1
from persona_assets_tests.evaluation.builders import plant, split_by


def score(splits):
    """Return macro-F1 of each baseline on the test rows."""
    train, validation, test = splits["train"], splits["validation"], splits["test"]
    fitted = {
        "majority": fit_majority(train),
        "prior": fit_persona_prior(train),
        "boosting": fit_boosting(train, validation, seed=0),
        "nearest": fit_nearest(train, seed=0),
    }
    return {name: macro_f1(test.actions, one.predict(test, test.personas)) for name, one in fitted.items()}


@pytest.fixture(scope="module")
def planted():
    table, threads = plant()
    return split_by(table, threads)


@pytest.fixture(scope="module")
def scores(planted):
    return score(planted)


def test_the_persona_prior_beats_the_majority_and_boosting_beats_both(scores):
    assert scores["prior"] > scores["majority"] + 0.2
    assert scores["boosting"] > scores["prior"] + 0.1


def test_with_shuffled_personas_the_gain_vanishes(planted, scores):
    rng = np.random.default_rng(1)
    shuffled = {name: rows._replace(personas=rng.permutation(rows.personas)) for name, rows in planted.items()}
    whole, found = scores, score(shuffled)

    # By chance two personas may have different usual acts in training: at most as much as that gives.
    assert abs(found["prior"] - found["majority"]) < 0.1
    assert found["prior"] - found["majority"] < 0.3 * (whole["prior"] - whole["majority"])
    assert found["boosting"] < whole["boosting"] - 0.2
    assert found["boosting"] < whole["prior"]


def test_a_model_that_memorises_wins_on_a_split_by_lines_and_not_on_one_by_threads():
    table, threads = plant(900, follows_thread=0.85, noise=0)
    by_lines, by_threads = score(split_by(table, np.arange(len(table)))), score(split_by(table, threads))

    assert max(by_lines, key=by_lines.get) == "nearest"
    assert by_threads["nearest"] < min(by_threads["boosting"], by_threads["prior"])
    assert by_threads["nearest"] < 0.5 * by_lines["nearest"]


def test_a_persona_that_is_not_in_training_gets_the_majority(planted):
    test = planted["test"]
    unknown = np.full(len(test.line_ids), "99")

    usual = fit_majority(planted["train"]).predict(test, unknown)
    np.testing.assert_array_equal(fit_persona_prior(planted["train"]).predict(test, unknown), usual)
    assert len(fit_boosting(planted["train"], planted["validation"], seed=0).predict(test, unknown)) == len(usual)


def test_time_is_used_where_there_is_one():
    table, threads = plant(300, noise=0)
    splits = split_by(table, threads)
    # The act depends on the hour alone.
    splits = {
        name: rows._replace(actions=np.where(rows.hours % 24 < 12, "like", "follow")) for name, rows in splits.items()
    }
    without = {name: rows._replace(hours=None) for name, rows in splits.items()}

    assert score(splits)["boosting"] > 0.95
    assert score(without)["boosting"] < 0.7


def test_texts_of_baselines_are_training_texts_of_whom_they_say(planted):
    train, test = planted["train"], planted["test"]
    of_persona = {
        persona: {text for text, one in zip(train.texts, train.personas, strict=True) if text and one == persona}
        for persona in np.unique(train.personas)
    }

    prior = predict_with_texts(fit_persona_prior(train), test, train, seed=0)
    assert all(text in of_persona[one] for text, one in zip(prior.texts, test.personas, strict=True))
    anyone = predict_with_texts(fit_majority(train), test, train, seed=0)
    assert set(anyone.texts) <= set.union(*of_persona.values())
    copied = predict_with_texts(fit_nearest(train, seed=0), test, train, seed=0)
    assert set(copied.texts) <= set.union(*of_persona.values())
    assert set(predict_with_texts(fit_boosting(train, test, seed=0), test, train, seed=0).texts) == {None}


def test_the_same_seed_gives_the_same_predictions():
    table, threads = plant(300)
    splits = split_by(table, threads)
    one, other = (fit_boosting(splits["train"], splits["validation"], seed=3) for _ in range(2))
    test = splits["test"]

    np.testing.assert_array_equal(one.predict(test, test.personas), other.predict(test, test.personas))


def test_contexts_without_words_are_no_error(planted):
    bare = {name: rows._replace(contexts=[""] * len(rows.contexts)) for name, rows in planted.items()}

    assert score(bare)["boosting"] > 0
