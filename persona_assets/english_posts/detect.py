"""Decide whether a text is in a language, from what it declares and from what it shows."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from persona_assets.english_posts import reasons
from persona_assets.english_posts.clean import clean_text
from persona_assets.errors import DetectorError, SettingsError

# Codes for which the detector, old clients and ISO 639-1 differ.
SAME_LANGUAGE = {"iw": "he", "in": "id", "jw": "jv", "fil": "tl", "nb": "no", "nn": "no", "sco": "en"}
# Fewest bytes of UTF-8 with which a detected language counts at all, and counts against what is declared. Bytes,
# since a letter of Japanese says more than one of Latin script.
FEWEST_BYTES = 6
FEWEST_BYTES_AGAINST_DECLARED = 16


class Verdict(NamedTuple):
    """What was decided on one text, and why."""

    is_language: bool | None  # None: neither text nor declaration tell; the author's other posts may
    reason: str  # of reasons.py


Decide = Callable[[str | None, Sequence[str] | None], Verdict]


def build_decide(language: str) -> Decide:
    """Return the function that decides on one text and its declared languages (`langs`, null when absent).

    Declared languages count by their first subtag, in any case: "en-US" and "EN" declare "en". Text and
    declaration that agree decide; a text that is long enough overrules the declaration; a text that is too
    short leaves it to the declaration, if that names the language alone or only others.

    Args:
        language: ISO 639-1 code, such as "en" or "de".

    Raises:
        DetectorError: pycld2 cannot be imported.
        SettingsError: The detector does not know the language.
    """
    detect = _load_detector(language)

    def decide(text: str | None, langs: Sequence[str] | None) -> Verdict:
        words = clean_text(text) if text else ""
        if not words:
            return Verdict(is_language=False, reason=reasons.NO_WORDS)
        declared = {primary_subtag(lang) for lang in langs} if langs else set[str]()
        detected = detect(words)
        against = bool(declared) and (detected == language) != (language in declared)
        size = len(words.encode()) - words.count(" ")
        if detected is None or size < (FEWEST_BYTES_AGAINST_DECLARED if against else FEWEST_BYTES):
            return _by_declaration(declared, language)
        return _by_text(declared, language, is_language=detected == language)

    return decide


def primary_subtag(tag: str) -> str:
    """Return the language of a BCP 47 tag: "en" of "en-US", "EN" and "en_GB"."""
    first = tag.strip().lower().replace("_", "-").partition("-")[0]
    return SAME_LANGUAGE.get(first, first)


def _by_text(declared: set[str], language: str, *, is_language: bool) -> Verdict:
    if is_language:
        agrees = reasons.DECLARED_AND_DETECTED if language in declared else reasons.DETECTED_AGAINST_DECLARED
        return Verdict(is_language=True, reason=agrees if declared else reasons.DETECTED)
    against = language in declared
    return Verdict(
        is_language=False, reason=reasons.OTHER_DETECTED_AGAINST_DECLARED if against else reasons.OTHER_DETECTED
    )


def _by_declaration(declared: set[str], language: str) -> Verdict:
    if declared == {language}:
        return Verdict(is_language=True, reason=reasons.DECLARED)
    if declared and language not in declared:
        return Verdict(is_language=False, reason=reasons.OTHER_DECLARED)
    return Verdict(is_language=None, reason=reasons.UNDECIDED)


def _load_detector(language: str) -> Callable[[str], str | None]:
    """Return a function from text to its language's code, or None if that cannot be told."""
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

    def detect(words: str) -> str | None:
        try:
            _, _, details = pycld2.detect(words, isPlainText=True)
        except pycld2.error:  # characters that it takes for invalid UTF-8
            return None
        code = details[0][1]
        return None if code == "un" else primary_subtag(code)

    return detect
