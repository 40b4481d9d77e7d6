"""One text, what it declares, and what is decided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.english_posts import reasons
from persona_assets.english_posts.detect import build_decide
from persona_assets_tests.english_posts.builders import ENGLISH, GERMAN, JAPANESE, SHORT

in_english = build_decide("en")


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
    assert in_english(text, langs) == (is_english, False, reason)


@pytest.mark.parametrize(
    ("text", "langs"), [(SHORT, None), (SHORT, ["en", "de"]), ("Pikachu", None), ("Pikachu", ["en"])]
)
def test_what_neither_text_nor_declaration_tell_stays_open(text, langs):
    assert in_english(text, langs).is_open


def test_another_language_can_be_looked_for():
    in_german = build_decide("de")

    assert in_german(GERMAN, ["de-AT"]) == (True, False, reasons.DECLARED_AND_DETECTED)
    assert in_german(ENGLISH, None) == (False, False, reasons.OTHER_DETECTED)


@given(st.text(), st.none() | st.lists(st.sampled_from(["en", "EN-us", "de", "", "x-unknown", "ja"])))
def test_every_text_gets_a_reason_of_the_closed_set(text, langs):
    is_english, _, reason = in_english(text, langs)

    assert reason in (reasons.KEPT if is_english else reasons.DROPPED)
