"""Language scores of texts."""

import builtins
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.english_posts.clean import clean_text
from persona_assets.assets.english_posts.score import INTERCEPT, MAX_DETECTION, _split_ascii_words, build_scores
from persona_assets.errors import LanguageDetectorError, SettingsError
from persona_assets_tests.assets.english_posts.builders import ENGLISH, GERMAN, JAPANESE

TEXTS = {"en": ENGLISH, "de": GERMAN, "ja": JAPANESE}


def build_log_odds(language):
    scores = build_scores(language)
    return lambda text: float(scores.score_words([text])[0]) + scores.score_detection(text) + INTERCEPT


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


@given(st.lists(st.text(st.sampled_from("abC' -1_.\n\0"))))
def test_words_are_letters_with_apostrophes_between_them(texts):
    words = b" ".join(_split_ascii_words(texts)).decode().split("\0")

    assert [of_text.split() for of_text in words[:-1]] == [
        re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text.lower()) for text in texts
    ]


@given(st.lists(st.text(st.sampled_from("the ich\u2019' größe日本.")) | st.sampled_from([*TEXTS.values(), ""])))
def test_the_words_of_a_text_score_the_same_whatever_other_texts_are_beside_it(texts):
    score_words = build_scores("en").score_words

    assert score_words(texts).tolist() == [float(score_words([text])[0]) for text in texts]


# Scripts in which no language is English, and characters of none.
OTHER_SCRIPTS = "аяжαωא\u0627ह日本語なカ한글ก\u10d0\u0561 0.,!'\u3002\u00b5\U0001d7d8"


@given(st.text(st.sampled_from(OTHER_SCRIPTS) | st.characters(min_codepoint=0x370, codec="utf-8"), max_size=300))
def test_the_detector_scores_no_text_higher_than_its_bound(text):
    scores = build_scores("en")
    cleaned = clean_text(text)

    assert scores.score_detection(cleaned) <= scores.bound_detection([cleaned])[0]


def test_only_texts_without_latin_letters_have_a_low_bound():
    bounds = build_scores("en").bound_detection([ENGLISH, JAPANESE, f"{JAPANESE} a", "größe", "é", "жук"])

    assert bounds.tolist() == [MAX_DETECTION, 2.0, *[MAX_DETECTION] * 3, 2.0]
    assert build_scores("ja").bound_detection([JAPANESE]).tolist() == [MAX_DETECTION]
