"""Texts that do not depend on the persona."""

import pycld2
import pytest

from persona_assets.sample.phrases import GENERIC_REPLIES, MOMENTS, OTHER_LANGUAGES, SMALL_TALK


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_a_detector_recognises_the_language_of_a_text(language):
    words = OTHER_LANGUAGES[language]

    for opening in words.openings:
        for sentence in words.sentences:
            assert pycld2.detect(words.gap.join((opening, sentence)))[2][0][1] == language


def test_small_talk_has_at_most_the_placeholder_moment():
    for sentence in GENERIC_REPLIES + SMALL_TALK:
        assert "{" not in sentence.format(moment=MOMENTS[0])
