"""One text, what it declares, and what is decided."""

import builtins
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.english_posts import reasons
from persona_assets.english_posts.detect import build_decide, primary_subtag
from persona_assets.errors import DetectorError, SettingsError
from persona_assets_tests.english_posts.builders import ENGLISH, GERMAN, JAPANESE, SHORT

in_english = build_decide("en")


@pytest.mark.parametrize("tag", ["en", "en-US", "EN", "en_GB", " en ", "en-Latn-US"])
def test_a_declared_language_is_its_first_subtag_in_any_case(tag):
    assert primary_subtag(tag) == "en"


@pytest.mark.parametrize(
    ("text", "langs", "is_english", "reason"),
    [
        (ENGLISH, ["en"], True, reasons.DECLARED_AND_DETECTED),
        (ENGLISH, ["es", "en-GB"], True, reasons.DECLARED_AND_DETECTED),
        (ENGLISH, None, True, reasons.DETECTED),
        (ENGLISH, [], True, reasons.DETECTED),
        (ENGLISH, ["pt"], True, reasons.DETECTED_AGAINST_DECLARED),
        (SHORT, ["EN"], True, reasons.DECLARED),
        (SHORT, ["de"], False, reasons.OTHER_DECLARED),
        (SHORT, None, None, reasons.UNDECIDED),
        (SHORT, ["en", "de"], None, reasons.UNDECIDED),
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
    assert in_english(text, langs) == (is_english, reason)


def test_another_language_can_be_looked_for():
    in_german = build_decide("de")

    assert in_german(GERMAN, ["de-AT"]) == (True, reasons.DECLARED_AND_DETECTED)
    assert in_german(ENGLISH, None) == (False, reasons.OTHER_DETECTED)


@given(st.text(), st.none() | st.lists(st.sampled_from(["en", "EN-us", "de", "", "x-unknown", "ja"])))
def test_every_text_gets_a_reason_of_the_closed_set(text, langs):
    is_english, reason = in_english(text, langs)

    assert reason in (reasons.KEPT if is_english else reasons.DROPPED)


def test_a_language_that_the_detector_does_not_know_is_refused():
    with pytest.raises(SettingsError, match="language='xx'"):
        build_decide("xx")


def test_without_the_detector_the_error_says_how_to_get_it(monkeypatch):
    load = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "pycld2":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "pycld2", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)

    with pytest.raises(DetectorError, match="pip install"):
        build_decide("en")
