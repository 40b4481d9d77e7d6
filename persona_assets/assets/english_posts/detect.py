"""Decide whether a text is in a language, from what it declares and from what it shows."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from persona_assets.assets.english_posts import reasons
from persona_assets.assets.english_posts.clean import clean_text
from persona_assets.assets.english_posts.score import build_scorer, primary_subtag

# Log-odds that a declaration adds when it names the language alone, or only others: odds of 7 to 1. Of the
# accounts in captures that tag their posts at all, about one in ten tags them wrong.
DECLARATION = 2.0
# Log-odds from which on text and declaration together decide (odds of 3 to 1), and a text alone (12 to 1): one word
# that the detector takes for some far language has odds of 7 to 1 against it, and means little.
ENOUGH = 1.0
ENOUGH_ALONE = 2.5


class Verdict(NamedTuple):
    """What was decided on one text, and why."""

    is_language: bool  # when `is_open`, only the likelier answer
    is_open: bool  # text and declaration do not tell: the author's other posts of the day may
    reason: str  # of reasons.py


Decide = Callable[[str | None, Sequence[str] | None], Verdict]


def build_decide(language: str) -> Decide:
    """Return the function that decides on one text and its declared languages (`langs`, null when absent).

    Declared languages count by their first subtag, in any case: "en-US" and "EN" declare "en"; a declaration that
    names the language beside others says nothing. Text and declaration are weighed together, so a text that is
    clear overrules its declaration, and one that is too short to be clear follows it.

    Args:
        language: ISO 639-1 code, such as "en" or "de".

    Raises:
        DetectorError: pycld2 cannot be imported.
        SettingsError: The detector does not know the language.
    """
    score = build_scorer(language)
    no_words = Verdict(is_language=False, is_open=False, reason=reasons.NO_WORDS)

    def decide(text: str | None, langs: Sequence[str] | None) -> Verdict:
        words = clean_text(text) if text else ""
        if not words:
            return no_words
        declared = {primary_subtag(lang) for lang in langs} if langs else set[str]()
        return _decide(score(words), _score_declaration(declared, language), is_declared=language in declared)

    return decide


def _score_declaration(declared: set[str], language: str) -> float:
    if declared == {language}:
        return DECLARATION
    return -DECLARATION if declared and language not in declared else 0.0


def _decide(shown: float, declaration: float, *, is_declared: bool) -> Verdict:
    together = shown + declaration
    is_language = together > 0
    if abs(together) < (ENOUGH if declaration else ENOUGH_ALONE):
        reason = reasons.LIKELY if is_language else reasons.UNLIKELY
        return Verdict(is_language=is_language, is_open=True, reason=reason)
    if abs(shown) < ENOUGH or (shown > 0) != is_language:
        reason = reasons.DECLARED if is_language else reasons.OTHER_DECLARED
    elif is_language:
        agrees = reasons.DECLARED_AND_DETECTED if is_declared else reasons.DETECTED
        reason = reasons.DETECTED_AGAINST_DECLARED if declaration < 0 else agrees
    else:
        reason = reasons.OTHER_DETECTED_AGAINST_DECLARED if is_declared else reasons.OTHER_DETECTED
    return Verdict(is_language=is_language, is_open=False, reason=reason)
