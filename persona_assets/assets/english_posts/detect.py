"""Decide whether posts are in a language, from their declared languages and from their texts."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_assets.assets.english_posts import reasons
from persona_assets.assets.english_posts.clean_batch import clean_texts
from persona_assets.assets.english_posts.declarations import build_declaration_reader
from persona_assets.assets.english_posts.score import INTERCEPT, build_scores

# Minimum absolute log-odds for a decision by text and declaration together (odds of 3 to 1), and by the text alone (12
# to 1). The latter is higher because a single word that the detector mistakes for a rare language gives odds of 7 to 1.
MIN_LOG_ODDS = 1.0
MIN_LOG_ODDS_UNDECLARED = 2.5


class LanguageVerdict(NamedTuple):
    """Whether a post is in the language, whether its author's other posts decide, and the reason."""

    is_language: bool  # when `is_undecided`, the more likely answer
    is_undecided: bool  # text and declaration are not enough; the author's other posts of the day may decide
    reason: str  # a constant of reasons.py


# The verdict of each reason, as each reason has only one. Deciders return positions in this list.
VERDICTS = tuple(
    LanguageVerdict(is_language, reason in {reasons.LIKELY, reasons.UNLIKELY}, reason)
    for of_reasons, is_language in ((reasons.KEPT, True), (reasons.DROPPED, False))
    for reason in of_reasons
)
_CODE_OF_REASON = {verdict.reason: code for code, verdict in enumerate(VERDICTS)}

Codes = npt.NDArray[np.int8]
# From the columns `text` and `langs` of posts to the positions in `VERDICTS` of their verdicts.
LanguageDecider = Callable[[pa.StringArray, pa.ListArray], Codes]


def build_language_decider(language: str) -> LanguageDecider:
    """Build a function from the texts and declared languages of posts to the verdict whether each is in `language`.

    The log-odds of text and declaration are added: a clear text overrules its declaration, and a text too short to be
    clear follows it. What a declaration says is in `declarations.build_declaration_reader`.

    Args:
        language: ISO 639-1 code, such as "en" or "de".

    Raises:
        LanguageDetectorError: pycld2 cannot be imported.
        SettingsError: The detector does not know the language.
    """
    scores = build_scores(language)
    read_declarations = build_declaration_reader(language)

    def decide(texts: pa.StringArray, langs: pa.ListArray) -> Codes:
        words = clean_texts(texts)
        log_odds, is_declared = read_declarations(langs)
        by_words = scores.score_words(words)
        # Each verdict is one interval of log-odds: if it is the same with the lowest and the highest score that the
        # detector may give, the detector need not be asked. It takes more time than all the rest.
        codes = _decide_by_log_odds(by_words + INTERCEPT, log_odds, is_declared)
        highest = _decide_by_log_odds(by_words + scores.bound_detection(words) + INTERCEPT, log_odds, is_declared)
        has_words = np.fromiter(map(bool, words), np.bool_, len(words))
        rows = np.flatnonzero(has_words & (codes != highest))
        detection = np.fromiter((scores.score_detection(words[row]) for row in rows.tolist()), np.float64, len(rows))
        detected = by_words[rows] + detection + INTERCEPT
        codes[rows] = _decide_by_log_odds(detected, log_odds[rows], is_declared[rows])
        codes[~has_words] = _CODE_OF_REASON[reasons.NO_WORDS]
        return codes

    return decide


def _decide_by_log_odds(
    detected: npt.NDArray[np.float64], declaration: npt.NDArray[np.float64], is_declared: npt.NDArray[np.bool_]
) -> Codes:
    """Return the position in `VERDICTS` of each post, `(n_posts,)`, from the log-odds of its text and declaration."""
    total = detected + declaration
    is_language = total > 0
    is_undecided = np.abs(total) < np.where(declaration != 0, MIN_LOG_ODDS, MIN_LOG_ODDS_UNDECLARED)
    is_by_declaration = (np.abs(detected) < MIN_LOG_ODDS) | ((detected > 0) != is_language)
    conditions_and_reasons = [
        (is_undecided & is_language, reasons.LIKELY),
        (is_undecided, reasons.UNLIKELY),
        (is_by_declaration & is_language, reasons.DECLARED),
        (is_by_declaration, reasons.OTHER_DECLARED),
        (is_language & (declaration < 0), reasons.DETECTED_AGAINST_DECLARED),
        (is_language & is_declared, reasons.DECLARED_AND_DETECTED),
        (is_language, reasons.DETECTED),
        (is_declared, reasons.OTHER_DETECTED_AGAINST_DECLARED),
    ]
    conditions, found = zip(*conditions_and_reasons, strict=True)
    codes = [np.int8(_CODE_OF_REASON[reason]) for reason in found]
    return np.select(conditions, codes, np.int8(_CODE_OF_REASON[reasons.OTHER_DETECTED]))
