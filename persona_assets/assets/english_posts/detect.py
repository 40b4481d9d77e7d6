"""Decide whether a post is in a language, from its declared languages and from its text."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from persona_assets.assets.english_posts import reasons
from persona_assets.assets.english_posts.clean import clean_text
from persona_assets.assets.english_posts.score import INTERCEPT, MAX_DETECTION, build_scores, extract_primary_subtag

# Log-odds of a declaration that names only the language (added) or only others (subtracted): odds of 7 to 1. About one
# in ten accounts of captures that declare languages declares wrong ones.
DECLARATION_LOG_ODDS = 2.0
# Minimum absolute log-odds for a decision by text and declaration together (odds of 3 to 1), and by the text alone (12
# to 1). The latter is higher because a single word that the detector mistakes for a rare language gives odds of 7 to 1.
MIN_LOG_ODDS = 1.0
MIN_LOG_ODDS_UNDECLARED = 2.5
# Common words that score less decide nothing alone, whatever is declared.
_MIN_CLEAR_WORDS = MIN_LOG_ODDS - INTERCEPT
# Declarations whose log-odds are kept: few differ, but anyone may declare anything.
_DECLARATIONS_KEPT = 1024


class LanguageVerdict(NamedTuple):
    """Whether a post is in the language, whether its author's other posts decide, and the reason."""

    is_language: bool  # when `is_undecided`, the more likely answer
    is_undecided: bool  # text and declaration are not enough; the author's other posts of the day may decide
    reason: str  # a constant of reasons.py


# The verdict of each reason, as each reason has only one.
_VERDICTS = {
    reason: LanguageVerdict(is_language, reason in {reasons.LIKELY, reasons.UNLIKELY}, reason)
    for of_reasons, is_language in ((reasons.KEPT, True), (reasons.DROPPED, False))
    for reason in of_reasons
}

# From the text and the declared languages (`langs`) of a post.
LanguageDecider = Callable[[str | None, Sequence[str] | None], LanguageVerdict]


def build_language_decider(language: str) -> LanguageDecider:
    """Build a function from a post's text and declared languages to the verdict whether it is in `language`.

    Of declared languages the first subtag counts, in any case: "en-US" and "EN" declare "en". A declaration that names
    the language beside others has no weight. The log-odds of text and declaration are added: a clear text overrules its
    declaration, and a text too short to be clear follows it.

    Args:
        language: ISO 639-1 code, such as "en" or "de".

    Raises:
        LanguageDetectorError: pycld2 cannot be imported.
        SettingsError: The detector does not know the language.
    """
    score_words, score_detection = build_scores(language)

    @lru_cache(_DECLARATIONS_KEPT)
    def read_declaration(langs: tuple[str, ...]) -> tuple[float, bool]:
        declared = {extract_primary_subtag(lang) for lang in langs}
        return _score_declaration(declared, language), language in declared

    def decide(text: str | None, langs: Sequence[str] | None) -> LanguageVerdict:
        words = clean_text(text) if text else ""
        if not words:
            return _VERDICTS[reasons.NO_WORDS]
        declaration, is_declared = read_declaration(tuple(langs)) if langs else (0.0, False)
        by_words = score_words(words)
        if by_words > _MIN_CLEAR_WORDS:
            # Each verdict is one interval of log-odds: if it is the same with the lowest and the highest score that the
            # detector may give, the detector need not be asked, which takes a third of the time.
            lowest = _decide_by_log_odds(by_words + INTERCEPT, declaration, is_declared=is_declared)
            if lowest == _decide_by_log_odds(
                by_words + MAX_DETECTION + INTERCEPT, declaration, is_declared=is_declared
            ):
                return lowest
        detected = by_words + score_detection(words) + INTERCEPT
        return _decide_by_log_odds(detected, declaration, is_declared=is_declared)

    return decide


def _score_declaration(declared: set[str], language: str) -> float:
    if declared == {language}:
        return DECLARATION_LOG_ODDS
    return -DECLARATION_LOG_ODDS if declared and language not in declared else 0.0


def _decide_by_log_odds(detected: float, declaration: float, *, is_declared: bool) -> LanguageVerdict:
    total = detected + declaration
    is_language = total > 0
    if abs(total) < (MIN_LOG_ODDS if declaration else MIN_LOG_ODDS_UNDECLARED):
        return _VERDICTS[reasons.LIKELY if is_language else reasons.UNLIKELY]
    if abs(detected) < MIN_LOG_ODDS or (detected > 0) != is_language:
        reason = reasons.DECLARED if is_language else reasons.OTHER_DECLARED
    elif is_language:
        agrees = reasons.DECLARED_AND_DETECTED if is_declared else reasons.DETECTED
        reason = reasons.DETECTED_AGAINST_DECLARED if declaration < 0 else agrees
    else:
        reason = reasons.OTHER_DETECTED_AGAINST_DECLARED if is_declared else reasons.OTHER_DETECTED
    return _VERDICTS[reason]
