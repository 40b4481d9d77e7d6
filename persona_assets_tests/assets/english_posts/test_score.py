"""Language scores of texts."""

import builtins
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.english_posts.score import (
    INTERCEPT,
    _find_words,
    build_scores,
    extract_primary_subtag,
)
from persona_assets.errors import LanguageDetectorError, SettingsError
from persona_assets_tests.assets.english_posts.builders import ENGLISH, GERMAN, JAPANESE

TEXTS = {"en": ENGLISH, "de": GERMAN, "ja": JAPANESE}


def build_log_odds(language):
    score_words, score_detection = build_scores(language)
    return lambda text: score_words(text) + score_detection(text) + INTERCEPT


@pytest.mark.parametrize("language", TEXTS)
def test_a_sentence_scores_high_for_its_language_and_low_for_others(language):
    score = build_log_odds(language)

    scores = {other: score(text) for other, text in TEXTS.items()}

    assert scores.pop(language) > 5
    assert max(scores.values()) < -5


@pytest.mark.parametrize(
    "text", ["u ok babe?", "Happy birthday!!", "Thank you so much", "lol same", "I\u2019m so tired"]
)
def test_short_english_texts_are_recognised_by_common_words(text):
    assert build_log_odds("en")(text) > 1


@pytest.mark.parametrize("text", ["jajaja que bueno", "bom dia", "selamat pagi", "iyi geceler", "ich auch", "Ótima"])
def test_short_texts_in_other_languages_are_recognised_by_common_words(text):
    assert build_log_odds("en")(text) < -1


def test_a_letter_that_english_lacks_lowers_its_score_but_not_that_of_german():
    assert build_log_odds("en")("größe") < build_log_odds("en")("grosse")
    assert build_log_odds("de")("größe") >= 0


@pytest.mark.parametrize("tag", ["en", "en-US", "EN", "en_GB", " en ", "en-Latn-US"])
def test_a_declared_language_is_its_first_subtag_in_any_case(tag):
    assert extract_primary_subtag(tag) == "en"


@pytest.mark.parametrize(("old", "new"), [("iw", "he"), ("nb-NO", "no"), ("fil", "tl")])
def test_codes_that_mean_the_same_are_one(old, new):
    assert extract_primary_subtag(old) == extract_primary_subtag(new)


@given(st.text())
def test_any_text_has_a_finite_score(text):
    assert -20 < build_log_odds("en")(text) < 20


def test_a_language_that_the_detector_does_not_know_is_refused():
    with pytest.raises(SettingsError, match="language='xx'"):
        build_log_odds("xx")


def test_without_the_detector_the_error_says_how_to_get_it(monkeypatch):
    load = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "pycld2":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "pycld2", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)

    with pytest.raises(LanguageDetectorError, match="pip install"):
        build_log_odds("en")


@given(st.text(st.sampled_from("ab' -1_.é\n")))
def test_words_are_letters_with_apostrophes_between_them(text):
    assert _find_words(text) == re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text)
