"""Score how likely a text is in a language, by a detector and by lists of common words."""

import re
from collections.abc import Callable

from persona_assets.assets.english_posts.common_words import WORDS
from persona_assets.errors import DetectorError, SettingsError

# Codes for which the detector, old clients and ISO 639-1 differ. Scots is what the detector takes short English for.
SAME_LANGUAGE = {"iw": "he", "in": "id", "jw": "jv", "fil": "tl", "nb": "no", "nn": "no", "sco": "en"}

# Logistic regression on every second human text of the 5,217 tweets labelled by Blodgett, Wei and O'Connor (2017),
# rounded; `benchmarks/bench_english.py` scores it on the others.
OWN_WORDS = 6.5  # times the share of words that are the language's own
OTHER_WORDS = -5.3  # times the share of words that are another's
DETECTED = 5.1  # times the detector's score for the language, 1 being that of usual prose
NO_DETECTION = 2.0  # when the detector has no guess at all, which speaks against no language
INTERCEPT = -2.0

_HIGHEST_SCORE = 1.5
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")

Scorer = Callable[[str], float]


def build_scorer(language: str) -> Scorer:
    """Return the function from a cleaned text to the log-odds that it is in `language`.

    The score combines pycld2, which is good at letters and longer texts, with lists of common words, which are better
    at short texts. A language without a list is scored by the detector and the lists of the other languages.

    Args:
        language: ISO 639-1 code, such as "en" or "de".

    Raises:
        DetectorError: pycld2 cannot be imported.
        SettingsError: The detector does not know the language.
    """
    score_of_detector = _load_detector(language)
    vote_of_word, letters = _count_for(language)

    def score(text: str) -> float:
        words = _WORD.findall(text.lower().replace("\u2019", "'"))
        own = other = 0
        for word in words:
            says = vote_of_word.get(word)
            if says is None:
                other += letters is not None and not word.isascii() and not letters.issuperset(word)
            elif says > 0:
                own += 1
            else:
                other += 1
        share = 1 / max(1, len(words))
        return OWN_WORDS * own * share + OTHER_WORDS * other * share + score_of_detector(text) + INTERCEPT

    return score


def primary_subtag(tag: str) -> str:
    """Return the language of a BCP 47 tag: "en" of "en-US", "EN" and "en_GB"."""
    first = tag.strip().lower().replace("_", "-").partition("-")[0]
    return SAME_LANGUAGE.get(first, first)


def _count_for(language: str) -> tuple[dict[str, int], set[str] | None]:
    """Return which words speak for (1) and against (-1) the language, and its letters if it has a list."""
    own, others = set[str](), set[str]()
    for languages, words in WORDS.items():
        (own if language in languages.split() else others).update(words.split())
    vote_of_word = dict.fromkeys(own - others, 1) | dict.fromkeys(others - own, -1)
    return vote_of_word, set("".join(own)) if own else None


def _load_detector(language: str) -> Callable[[str], float]:
    """Return a function from text to what the detector adds to the log-odds."""
    try:
        import pycld2  # noqa: PLC0415 - a C++ library that not every platform has: its error comes when it is used
    except ImportError as error:
        raise DetectorError(
            "the language detector pycld2 cannot be imported. There are wheels for Linux x86-64 and macOS only: "
            "elsewhere install a C++ compiler and run `pip install --no-binary pycld2 pycld2`"
        ) from error
    known = {primary_subtag(code) for _, code in pycld2.LANGUAGES} - {"xx", "un"}  # scripts, and unknown
    if language not in known:
        raise SettingsError(f"language={language!r}: the detector knows {', '.join(sorted(known))}")
    codes = frozenset(code for _, code in pycld2.LANGUAGES if primary_subtag(code) == language)

    def score(text: str) -> float:
        try:
            _, _, details = pycld2.detect(text, isPlainText=True, bestEffort=True)
        except pycld2.error:  # characters that it takes for invalid UTF-8
            return NO_DETECTION
        if details[0][1] == "un":
            return NO_DETECTION
        highest = max((detail[3] for detail in details if detail[1] in codes), default=0.0)
        return DETECTED * min(highest / 1000, _HIGHEST_SCORE)

    return score
