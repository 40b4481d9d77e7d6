"""Decide whether a post is in a language, from its declared languages and from its text."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from persona_assets.assets.english_posts import reasons
from persona_assets.assets.english_posts.clean import clean_text
from persona_assets.assets.english_posts.score import build_log_odds, extract_primary_subtag

# Log-odds of a declaration that names only the language (added) or only others (subtracted): odds of 7 to 1. About one
# in ten accounts of captures that declare languages declares wrong ones.
DECLARATION_LOG_ODDS = 2.0
# Minimum absolute log-odds for a decision by text and declaration together (odds of 3 to 1), and by the text alone (12
# to 1). The latter is higher because a single word that the detector mistakes for a rare language gives odds of 7 to 1.
MIN_LOG_ODDS = 1.0
MIN_LOG_ODDS_UNDECLARED = 2.5


class LanguageVerdict(NamedTuple):
    """Whether a post is in the language, whether its author's other posts decide, and the reason."""

    is_language: bool  # when `is_undecided`, the more likely answer
    is_undecided: bool  # text and declaration are not enough; the author's other posts of the day may decide
    reason: str  # a constant of reasons.py


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
    score = build_log_odds(language)
    no_words = LanguageVerdict(is_language=False, is_undecided=False, reason=reasons.NO_WORDS)

    def decide(text: str | None, langs: Sequence[str] | None) -> LanguageVerdict:
        words = clean_text(text) if text else ""
        if not words:
            return no_words
        declared = {extract_primary_subtag(lang) for lang in langs} if langs else set[str]()
        return _decide_by_log_odds(
            score(words), _score_declaration(declared, language), is_declared=language in declared
        )

    return decide


def _score_declaration(declared: set[str], language: str) -> float:
    if declared == {language}:
        return DECLARATION_LOG_ODDS
    return -DECLARATION_LOG_ODDS if declared and language not in declared else 0.0


def _decide_by_log_odds(detected: float, declaration: float, *, is_declared: bool) -> LanguageVerdict:
    total = detected + declaration
    is_language = total > 0
    if abs(total) < (MIN_LOG_ODDS if declaration else MIN_LOG_ODDS_UNDECLARED):
        reason = reasons.LIKELY if is_language else reasons.UNLIKELY
        return LanguageVerdict(is_language=is_language, is_undecided=True, reason=reason)
    if abs(detected) < MIN_LOG_ODDS or (detected > 0) != is_language:
        reason = reasons.DECLARED if is_language else reasons.OTHER_DECLARED
    elif is_language:
        agrees = reasons.DECLARED_AND_DETECTED if is_declared else reasons.DETECTED
        reason = reasons.DETECTED_AGAINST_DECLARED if declaration < 0 else agrees
    else:
        reason = reasons.OTHER_DETECTED_AGAINST_DECLARED if is_declared else reasons.OTHER_DETECTED
    return LanguageVerdict(is_language=is_language, is_undecided=False, reason=reason)
