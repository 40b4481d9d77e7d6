"""Score how likely a text is in a language, with a language detector (pycld2) and lists of common words."""

import re
from collections.abc import Callable

from persona_assets.assets.english_posts.common_words import COMMON_WORDS
from persona_assets.errors import LanguageDetectorError, SettingsError

# Codes of the detector and of old clients that differ from ISO 639-1. Scots is included because the detector often
# mistakes short English for it.
CANONICAL_CODES = {"iw": "he", "in": "id", "jw": "jv", "fil": "tl", "nb": "no", "nn": "no", "sco": "en"}

# Coefficients of a logistic regression on every second human text of the 5,217 tweets labelled by Blodgett, Wei and
# O'Connor (2017), rounded; `benchmarks/bench_english.py` evaluates it on the others.
OWN_WORDS_WEIGHT = 6.5  # times the share of words that are common words of the language only
OTHER_WORDS_WEIGHT = -5.3  # times the share of words that are common words of other languages only
DETECTION_WEIGHT = 5.1  # times the detector's score for the language, about 1 for ordinary prose
NO_DETECTION_LOG_ODDS = 2.0  # added if the detector has no result, which is no evidence against the language
INTERCEPT = -2.0

_MAX_DETECTOR_SCORE = 1.5
MAX_DETECTION = DETECTION_WEIGHT * _MAX_DETECTOR_SCORE
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# For `bytes.translate`: other characters become spaces.
_LETTERS_AND_APOSTROPHES = bytes(
    code if chr(code) == "'" or (chr(code).isascii() and chr(code).isalpha()) else ord(" ") for code in range(256)
)

# From a cleaned text to log-odds, or a part of them.
LogOddsOfText = Callable[[str], float]


def build_scores(language: str) -> tuple[LogOddsOfText, LogOddsOfText]:
    """Build the two parts of the log-odds (natural logarithm) that a cleaned text is in `language`.

    The log-odds are their sum and `INTERCEPT`. One is from pycld2, which is good at scripts and longer texts, one from
    lists of common words, which are better at short texts. A language without a list is scored by the detector and the
    lists of the other languages.

    Args:
        language: ISO 639-1 code, such as "en" or "de".

    Returns:
        The contribution of common words, and that of the detector, which is from 0 to `MAX_DETECTION`.

    Raises:
        LanguageDetectorError: pycld2 cannot be imported.
        SettingsError: The detector does not know the language.
    """
    score_of_detector = _load_detector(language)
    vote_of_word, letters = _build_word_votes(language)

    def score_words(text: str) -> float:
        words = _find_words(text.lower().replace("\u2019", "'"))
        votes = [*map(vote_of_word.get, words)]
        own, other = votes.count(1), votes.count(-1)
        if letters is not None and not text.isascii():
            for word, vote in zip(words, votes, strict=True):
                other += vote is None and not word.isascii() and not letters.issuperset(word)
        share = 1 / max(1, len(words))
        return OWN_WORDS_WEIGHT * own * share + OTHER_WORDS_WEIGHT * other * share

    return score_words, score_of_detector


def _find_words(text: str) -> list[str]:
    """Return the words of a text: letters, with apostrophes between them."""
    if not text.isascii():
        return _WORD.findall(text)
    # The same for ASCII in a third of the time.
    words = text.encode().translate(_LETTERS_AND_APOSTROPHES).decode()
    if "'" not in words:
        return words.split()
    return [word for part in words.replace("''", " ").split() if (word := part.strip("'"))]


def extract_primary_subtag(tag: str) -> str:
    """Return the language code in a BCP 47 tag, in lower case: "en" for "en-US", "EN" and "en_GB"."""
    first = tag.strip().lower().replace("_", "-").partition("-")[0]
    return CANONICAL_CODES.get(first, first)


def _build_word_votes(language: str) -> tuple[dict[str, int], set[str] | None]:
    """Return the vote of each common word, 1 for the language or -1 for another, and the letters of its own words.

    The letters are None if the language has no list.
    """
    own, others = set[str](), set[str]()
    for languages, words in COMMON_WORDS.items():
        (own if language in languages.split() else others).update(words.split())
    vote_of_word = dict.fromkeys(own - others, 1) | dict.fromkeys(others - own, -1)
    return vote_of_word, set("".join(own)) if own else None


def _load_detector(language: str) -> Callable[[str], float]:
    """Return the function from a text to the detector's contribution to the log-odds."""
    try:
        import pycld2  # noqa: PLC0415 - a C++ library that some platforms lack: the error is to come when it is used
    except ImportError as error:
        raise LanguageDetectorError(
            "the language detector pycld2 cannot be imported. There are wheels for Linux x86-64 and macOS only: "
            "elsewhere install a C++ compiler and run `pip install --no-binary pycld2 pycld2`"
        ) from error
    known = {extract_primary_subtag(code) for _, code in pycld2.LANGUAGES} - {
        "xx",
        "un",
    }  # scripts, and the code for unknown
    if language not in known:
        raise SettingsError(f"language={language!r}: the detector knows {', '.join(sorted(known))}")
    codes = frozenset(code for _, code in pycld2.LANGUAGES if extract_primary_subtag(code) == language)

    def score(text: str) -> float:
        try:
            _, _, details = pycld2.detect(text, isPlainText=True, bestEffort=True)
        except pycld2.error:  # characters that it considers invalid UTF-8
            return NO_DETECTION_LOG_ODDS
        if details[0][1] == "un":
            return NO_DETECTION_LOG_ODDS
        highest = 0.0
        for _, code, _, points in details:
            if points > highest and code in codes:
                highest = points
        return DETECTION_WEIGHT * min(highest / 1000, _MAX_DETECTOR_SCORE)

    return score
