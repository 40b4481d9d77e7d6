"""Score how likely a text is in a language, with a language detector (pycld2) and lists of common words."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.assets.english_posts.common_words import COMMON_WORDS
from persona_assets.assets.english_posts.declarations import extract_primary_subtag
from persona_assets.errors import LanguageDetectorError, SettingsError

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
# For `bytes.translate`: small letters; other characters than letters, apostrophes and the separator become spaces.
_SEPARATOR = "\0"
_SMALL_LETTERS = bytes(
    ord(character.lower()) if character.isascii() and (character.isalpha() or character in {"'", _SEPARATOR}) else 32
    for character in map(chr, range(256))
)
# Votes of a word; the vote of the separator ends a text.
_OWN, _NONE, _OTHER, _END = 1, 0, -1, 2
# Languages that are written in Latin letters only, so that the detector never finds them in a text without one.
_LATIN_ONLY = frozenset({"en"})
_LATIN_LETTER = re.compile(
    "[A-Za-z\u00aa\u00ba\u00c0-\u02af\u1d00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f\ufb00-\ufb06]"
)
# Number of texts whose detection is kept in memory: many posts have the text of an earlier one.
_DETECTIONS_KEPT = 1 << 14


class LanguageScores(NamedTuple):
    """The two parts of the log-odds (natural logarithm) that cleaned texts are in a language.

    The log-odds are their sum and `INTERCEPT`.
    """

    score_words: Callable[[Sequence[str]], npt.NDArray[np.float64]]  # of texts: the contribution of common words
    score_detection: Callable[[str], float]  # of a text: the contribution of the detector
    bound_detection: Callable[[Sequence[str]], npt.NDArray[np.float64]]  # of texts: what that is at most


def build_scores(language: str) -> LanguageScores:
    """Build the parts of the log-odds that texts are in `language`.

    One is from pycld2, which is good at scripts and longer texts, one from lists of common words, which are better at
    short texts. A language without a list is scored by the detector and the lists of the other languages.

    Args:
        language: ISO 639-1 code, such as "en" or "de".

    Raises:
        LanguageDetectorError: pycld2 cannot be imported.
        SettingsError: The detector does not know the language.
    """
    score_detection = lru_cache(_DETECTIONS_KEPT)(_load_detector(language))

    def bound_detection(texts: Sequence[str]) -> npt.NDArray[np.float64]:
        bounds = np.full(len(texts), MAX_DETECTION)
        if language in _LATIN_ONLY:
            is_latin = (text.isascii() or _LATIN_LETTER.search(text) is not None for text in texts)
            bounds[~np.fromiter(is_latin, np.bool_, len(texts))] = NO_DETECTION_LOG_ODDS
        return bounds

    return LanguageScores(_build_word_scorer(language), score_detection, bound_detection)


def _build_word_scorer(language: str) -> Callable[[Sequence[str]], npt.NDArray[np.float64]]:
    vote_of_word, letters = _build_word_votes(language)
    vote_of_bytes = {word.encode(): vote for word, vote in vote_of_word.items() if word.isascii()}
    vote_of_bytes[_SEPARATOR.encode()] = _END

    def count_votes(words: Sequence[str]) -> tuple[int, int, int]:
        votes = [*map(vote_of_word.get, words)]
        other = votes.count(_OTHER)
        if letters is not None:
            for word, vote in zip(words, votes, strict=True):
                other += vote is None and not word.isascii() and not letters.issuperset(word)
        return votes.count(_OWN), other, len(words)

    def score_words(texts: Sequence[str]) -> npt.NDArray[np.float64]:
        counts = np.zeros((3, len(texts)), np.int64)  # own, other and all words of each text
        is_ascii = np.fromiter(map(str.isascii, texts), np.bool_, len(texts))
        small_texts = [*texts]
        for row in np.flatnonzero(~is_ascii).tolist():
            # Most posts that are not ASCII for an apostrophe are typographic: "it\u2019s".
            small = small_texts[row] = texts[row].lower().replace("\u2019", "'")
            if small.isascii():
                is_ascii[row] = True
            else:
                counts[:, row] = count_votes(_WORD.findall(small))
        ascii_rows = np.flatnonzero(is_ascii)
        ascii_texts = [small_texts[row] for row in ascii_rows.tolist()]
        counts[:, ascii_rows] = _count_ascii_votes(ascii_texts, vote_of_bytes)
        own, other, all_words = counts
        share = 1 / np.maximum(1, all_words)
        return OWN_WORDS_WEIGHT * own * share + OTHER_WORDS_WEIGHT * other * share

    return score_words


def _count_ascii_votes(texts: Sequence[str], vote_of_word: Mapping[bytes, int]) -> npt.NDArray[np.int64]:
    """Return the number of own, other and all words of ASCII texts, `(3, n_texts)`.

    All texts are split at once: a call for each would take more time than the words.
    """
    words = _split_ascii_words(texts)
    votes = np.fromiter(map(vote_of_word.get, words, repeat(_NONE)), np.int8, len(words))
    ends = np.flatnonzero(votes == _END)
    sums = [np.cumsum(of_votes)[ends] for of_votes in (votes == _OWN, votes == _OTHER, votes != _END)]
    return np.diff(np.array(sums, np.int64), prepend=0)


def _split_ascii_words(texts: Sequence[str]) -> list[bytes]:
    """Return the words of ASCII texts, small, with a separator after each text: letters, apostrophes between them."""
    joined = f" {_SEPARATOR} ".join([*texts, ""])
    if joined.count(_SEPARATOR) > len(texts):
        joined = f" {_SEPARATOR} ".join([*(text.replace(_SEPARATOR, " ") for text in texts), ""])
    words = b" " + joined.encode().translate(_SMALL_LETTERS)
    # Without pairs, an apostrophe has at most one space and one letter beside it.
    return words.replace(b"''", b" ").replace(b" '", b" ").replace(b"' ", b" ").split()


def _build_word_votes(language: str) -> tuple[dict[str, int], set[str] | None]:
    """Return the vote of each common word, 1 for the language or -1 for another, and the letters of its own words.

    The letters are None if the language has no list.
    """
    own, others = set[str](), set[str]()
    for languages, words in COMMON_WORDS.items():
        (own if language in languages.split() else others).update(words.split())
    vote_of_word = dict.fromkeys(own - others, _OWN) | dict.fromkeys(others - own, _OTHER)
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
