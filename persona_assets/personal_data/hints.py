"""Find the texts that can hold personal data, many at a time.

Most texts hold nothing that a finder could find, and each finder costs some microseconds a text. The expressions here
match every text in which a finder of `detection` finds anything, and some others. Arrow searches them in a fraction of
the time: its library, RE2, reads each text once. Where RE2 and Python's `re` differ, more is matched here: a character
that is not ASCII counts as a digit, and a text is always searched if it has one of the four characters that only `re`
takes for an `i`, `s` or `k`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.personal_data.streets import SUFFIXES, SURE_SUFFIXES

_DIGIT = r"[0-9\x{80}-\x{10ffff}]"
_END = r"(?:[^0-9A-Za-z_]|$)"
_ONLINE = (
    r"@|did:|://|u/",
    r"\.[A-Za-z\x{80}-\x{10ffff}]",
    r"(?i: dot |[(\[{<] ?(?:at|dot|\.)| at [^ .]{2,12}\.)",
    r"(?i:(?:insta|instagram|ig|snap|snapchat|discord|twitch|twitter|tiktok|telegram|steam|psn|xbox) ?\n?[:=])",
    r"[\x{130}\x{131}\x{17f}\x{212a}]",
)
# Of a text that has a digit, or two colons.
_NUMBERS = (
    rf"(?:{_DIGIT}[^0-9A-Za-z_\n]{{0,3}}){{6}}{_DIGIT}",
    rf"{_DIGIT}\.{_DIGIT}{{1,3}}\.{_DIGIT}{{1,3}}\.{_DIGIT}",
    r":[0-9a-fA-F]{0,4}:",
)
_STREETS = (
    rf"{_DIGIT}.* (?:{SUFFIXES}|{SUFFIXES.upper()}|Broadway){_END}",
    rf"(?i:{_DIGIT}.* (?:{SURE_SUFFIXES.replace(' ', '|')}){_END})",
    rf"[A-Z]{_DIGIT}(?:[A-Z]|{_DIGIT})? \n?{_DIGIT}[A-Z][A-Z]",
    rf"{_DIGIT}(?: ?(?:bis|ter))?,? (?:[Rr]ue|avenue|av\.|boulevard|bd|place|chemin|impasse|allée|quai|cours) ",
    rf"O\.? ?[Bb]ox {_DIGIT}",
    rf"(?:Am|Im|Zum|Zur|de[nr]) [^ ]+ {_DIGIT}{{1,4}}[a-z]?, {_DIGIT}",
    rf"(?:Postfach|stra(?:ß|ss)e|str\.|gasse|platz|allee|damm|ufer|weg|straat|laan|gracht|plein|kade) {_DIGIT}",
    rf"(?:Calle|C/|Avenida|Avda|Plaza|Paseo|Via|Piazza|Corso|Rua|Largo|Travessa).*{_DIGIT}",
    rf", [A-Z]{{2}} {_DIGIT}",
)
_HAS_NUMBER = r"[0-9]|:(?s:.*):"


def may_hold_personal_data(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which texts a finder might find anything in, bool `(n,)`; the finders find nothing in the others.

    Args:
        texts: Any texts. Where one is no valid Unicode, all are searched.
    """
    try:
        strings = pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return np.ones(len(texts), bool)
    found = _match(strings, _ONLINE)
    has_number = np.flatnonzero(~found & _match(strings, (_HAS_NUMBER,)))
    numbered = strings.take(pa.array(has_number))
    found[has_number] = _match(numbered, _NUMBERS)
    for pattern in _STREETS:
        found[has_number] |= _match(numbered, (pattern,))
    return found


def _match(strings: pa.StringArray, patterns: Sequence[str]) -> npt.NDArray[np.bool_]:
    matches = pc.match_substring_regex(strings, "|".join(patterns))
    return matches.to_numpy(zero_copy_only=False)
