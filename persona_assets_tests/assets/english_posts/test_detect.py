"""Decisions from the text and the declared languages of a post."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.english_posts import detect, reasons
from persona_assets.assets.english_posts.declarations import DECLARATION_LOG_ODDS
from persona_assets.assets.english_posts.score import LanguageScores
from persona_assets_tests.assets.english_posts.builders import ENGLISH, GERMAN, JAPANESE, SHORT, build_decider_of_one

decide_english = build_decider_of_one("en")


@pytest.mark.parametrize(
    ("text", "langs", "is_english", "reason"),
    [
        (ENGLISH, ["en"], True, reasons.DECLARED_AND_DETECTED),
        (ENGLISH, ["es", "en-GB"], True, reasons.DECLARED_AND_DETECTED),
        (ENGLISH, None, True, reasons.DETECTED),
        (ENGLISH, [], True, reasons.DETECTED),
        (ENGLISH, ["pt"], True, reasons.DETECTED_AGAINST_DECLARED),
        (SHORT, ["EN"], True, reasons.DECLARED),
        (SHORT, ["en_GB", "en"], True, reasons.DECLARED),
        (SHORT, ["de"], False, reasons.OTHER_DECLARED),
        (GERMAN, ["de"], False, reasons.OTHER_DETECTED),
        (GERMAN, None, False, reasons.OTHER_DETECTED),
        (JAPANESE, ["en"], False, reasons.OTHER_DETECTED_AGAINST_DECLARED),
        (JAPANESE, ["en", "ja"], False, reasons.OTHER_DETECTED_AGAINST_DECLARED),
        (None, ["en"], False, reasons.NO_WORDS),
        ("  ", ["en"], False, reasons.NO_WORDS),
        ("https://example.org/english 🙂", ["en"], False, reasons.NO_WORDS),
    ],
)
def test_text_and_declaration_decide_together(text, langs, is_english, reason):
    assert decide_english(text, langs) == (is_english, False, reason)


def restyle(first_capital, first_small):
    """A translation table from ASCII letters to styled Unicode letters that start at these code points."""
    small = {ord("a") + at: first_small + at for at in range(26)}
    return small | {ord("A") + at: first_capital + at for at in range(26)}


STYLES = {
    "mathematical bold": restyle(0x1D400, 0x1D41A),
    "mathematical bold script": restyle(0x1D4D0, 0x1D4EA),
    "sans-serif italic": restyle(0x1D608, 0x1D622),
    "monospace": restyle(0x1D670, 0x1D68A),
    "full width": restyle(0xFF21, 0xFF41),
    "circled": restyle(0x24B6, 0x24D0),
}


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("langs", [None, ["en"], ["pt"]])
def test_styled_letters_count_as_plain_letters(style, langs):
    assert decide_english(ENGLISH.translate(style), langs) == decide_english(ENGLISH, langs)


def test_an_accent_may_be_a_combining_character():
    text = "Scho\u0308ne Gru\u0308\u00dfe u\u0308ber die Stra\u00dfe an euch alle heute morgen"

    assert build_decider_of_one("de")(text, None).is_language


@pytest.mark.parametrize(
    ("text", "langs"), [(SHORT, None), (SHORT, ["en", "de"]), ("Pikachu", None), ("Pikachu", ["en"])]
)
def test_an_unclear_post_stays_undecided(text, langs):
    assert decide_english(text, langs).is_undecided


def test_another_language_than_english_can_be_decided():
    decide_german = build_decider_of_one("de")

    assert decide_german(GERMAN, ["de-AT"]) == (True, False, reasons.DECLARED_AND_DETECTED)
    assert decide_german(ENGLISH, None) == (False, False, reasons.OTHER_DETECTED)


@given(st.text(), st.none() | st.lists(st.sampled_from(["en", "EN-us", "de", "", "x-unknown", "ja"])))
def test_every_post_gets_a_documented_reason(text, langs):
    is_english, _, reason = decide_english(text, langs)

    assert reason in (reasons.KEPT if is_english else reasons.DROPPED)


@pytest.mark.parametrize("declaration", [-DECLARATION_LOG_ODDS, 0.0, DECLARATION_LOG_ODDS])
@pytest.mark.parametrize("is_declared", [True, False])
def test_each_verdict_is_one_interval_of_log_odds(declaration, is_declared):
    detected = np.arange(-15, 15, 1 / 64)

    codes = detect._decide_by_log_odds(
        detected, np.full(len(detected), declaration), np.full(len(detected), is_declared)
    ).tolist()

    changes = 1 + sum(one != other for one, other in pairwise(codes))
    assert changes == len(set(codes))


def test_the_detector_is_not_asked_about_clear_texts(monkeypatch):
    asked = []
    scores = LanguageScores(
        score_words=lambda texts: np.array([float(text.split()[1]) for text in texts]),
        score_detection=lambda text: asked.append(text) or 0.0,
        bound_detection=lambda texts: np.array([2.0 if "bounded" in text else 7.65 for text in texts]),
    )
    monkeypatch.setattr(detect, "build_scores", lambda _: scores)
    decide = build_decider_of_one("en")

    assert decide("words 6.5 of ours", None).reason == reasons.DETECTED
    assert decide("words -5.3 bounded", None).reason == reasons.OTHER_DETECTED
    assert not asked
    assert decide("words 4.0 of ours", None).is_undecided
    assert decide("words -5.3 of others", None).reason == reasons.OTHER_DETECTED
    assert asked == ["words 4.0 of ours", "words -5.3 of others"]
