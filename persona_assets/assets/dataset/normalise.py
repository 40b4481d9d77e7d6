"""Normalise texts, so that those which differ only in case, punctuation, links and mentions are equal."""

from __future__ import annotations

import re
import unicodedata

# Links and mentions: a release may replace both, and one text with two links is still one text.
_LINKS_AND_MENTIONS = re.compile(r"https?://\S+|www\.\S+|@[\w.\-]+")
_WORD = re.compile(r"[^\W_]+")


def normalise_text(text: str) -> str:
    """Return the words of a text, lower case, separated by single spaces; "" if there are none.

    Letters are compatibility-composed (NFKC) and case-folded. Links, mentions, punctuation and symbols are left out.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if "@" in text or "://" in text or "www." in text:
        text = _LINKS_AND_MENTIONS.sub(" ", text)
    return " ".join(_WORD.findall(text.casefold()))


def normalise_texts(texts: list[str]) -> list[str]:
    """Return `normalise_text` of each text."""
    return [normalise_text(text) for text in texts]


def count_words(normalised: str) -> int:
    """Return the number of words of a normalised text."""
    return normalised.count(" ") + 1 if normalised else 0
