"""Find names by lists of names, beside what a model finds: it misses those that its language rarely has.

Evidence of a name are two neighbouring words, a title and a word, one first name that is no word and not American, or
words such as "my name is" before and "says" after a first name. American first names, which a model finds well, are no
evidence alone: many are words too. What follows an article is no name, whoever found it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from persona_assets.personal_data.name_lists import NAME_WORD, POSSESSIVE, NameLists, normalise_name

# What stands before a name and is part of whom it names.
TITLE = re.compile(
    r"(?<!\w)(?:mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|rev|father|sister|brother|aunt|auntie|uncle|"
    r"grandma|grandpa|granny|nana|cousin|coach|officer|judge|captain|sgt)\.? $",
    re.IGNORECASE,
)
LONGEST_TITLE = 12
# A place that is called by a name, and names nobody. Words that are also last names, such as "Park", are left out.
_PLACE = re.compile(
    r"(?:^|\s)(?:street|road|avenue|station|airport|university|college|hospital|stadium|museum|cathedral)\b",
    re.IGNORECASE,
)
# After these words, or before those, a first name is meant as one, also where it is in use as a word.
_BEFORE_NAME = re.compile(
    r"(?<!\w)(?:my name is|(?:hi|hey|hello),? i['\u2019]?m|hi|hey|hello|dear|told|tell|asked|ask|thanks|thank you|"
    r"congrats|proud of|shout out to|friend|flatmate|roommate|neighbou?r|boss|landlord|landlady|nurse|teacher|husband|"
    r"wife|son|daughter|niece|nephew|boyfriend|girlfriend) $",
    re.IGNORECASE,
)
_LONGEST_BEFORE = 16
_AFTER_NAME = re.compile(r" (?:says|said|thinks|thought|told|tells|asked|asks|taught|wrote|and i)\b", re.IGNORECASE)
# English has no article before the name of a person: "the Lakers", "a Calvin Klein shirt".
_ARTICLE = re.compile(r"(?<!\w)(?:an?|the|these|those|another) ?$", re.IGNORECASE)
_BEGINS_WITH_ARTICLE = re.compile(r"(?:an?|the|these|those|another) ", re.IGNORECASE)
# What follows a verb or a noun that begins a sentence, and rarely a name: "Mark the date", "Nick of time".
_AFTER_WORD = re.compile(r" (?:an?|the|me|them|us|it|of|to)\b")
_SENTENCE_START = re.compile(r"(?:^|[.!?\n])\W*$")
_ENDINGS = ("s", "es", "ed", "d", "ing", "er", "ers", "ly", "y", "ness", "est", "ish", "able", "less")
_FEWEST_LETTERS = 4  # of an unknown word


class _Word(NamedTuple):
    start: int
    end: int  # without a possessive
    normalised: str
    case: str  # capital, lower or other


def find_listed_names(text: str, lists: NameLists) -> list[tuple[int, int]]:
    """Return where names are by evidence of lists, in order of their starts; spans may overlap."""
    words = [_describe(match) for match in NAME_WORD.finditer(text)]
    found: list[tuple[int, int]] = []
    for number, word in enumerate(words):
        after = words[number + 1] if number + 1 < len(words) else None
        # A neighbour counts if one blank is between the two and both are written alike.
        if after and (text[word.end : after.start] != " " or word.case != after.case or word.case == "other"):
            after = None
        found.extend((word.start, end) for end in _find_ends(text, word, after, lists))
    return found


def is_place(text: str, start: int, end: int) -> bool:
    """Return whether what is found ends in a word such as "Street", or that word follows."""
    return bool(_PLACE.match(text, end) or _PLACE.search(text[start:end]))


def is_no_person(text: str, start: int, end: int) -> bool:
    """Return whether a found name follows an article, or is the first word of a sentence and used as a common word."""
    if text[start:end].islower():
        return False
    if _BEGINS_WITH_ARTICLE.match(text, start, end) or _ARTICLE.search(text, max(0, start - 9), start):
        return True
    return (
        " " not in text[start:end]
        and not TITLE.search(text, max(0, start - LONGEST_TITLE), start)
        and bool(_SENTENCE_START.search(text, max(0, start - 9), start))
        and bool(_AFTER_WORD.match(text, end))
    )


def _describe(match: re.Match[str]) -> _Word:
    text = match[0]
    is_capital = text[0].isupper() and (len(text) == 1 or not text.isupper())
    possessive = POSSESSIVE.search(text)
    end = match.end() - (len(possessive[0]) if possessive else 0)
    return _Word(
        match.start(), end, normalise_name(text), "capital" if is_capital else "lower" if text.islower() else "other"
    )


def _find_ends(text: str, word: _Word, after: _Word | None, lists: NameLists) -> Iterator[int]:
    """Yield where a name ends that starts with a word, by each rule."""
    name, is_capital = word.normalised, word.case == "capital"
    is_last = after is not None and _may_be_last(after, lists)
    if name in lists.alone and word.case != "other":
        yield after.end if after and is_last else word.end
    if after and is_capital and is_last and name in lists.first:
        yield after.end
    if after and not is_capital and name in lists.first_no_word and after.normalised in lists.last_no_word:
        yield after.end
    if word.case != "other" and _is_meant(text, word, lists):
        yield after.end if after and (is_last or after.normalised in lists.last) else word.end
    if after and after.normalised in lists.last_alone and _is_unknown(name, lists):
        yield after.end
    if TITLE.search(text, max(0, word.start - LONGEST_TITLE), word.start) and _may_follow_title(word, lists):
        yield after.end if after and is_last else word.end


def _may_be_last(word: _Word, lists: NameLists) -> bool:
    known = lists.last if word.case == "capital" else lists.last_no_word
    return word.normalised in known or _is_unknown(word.normalised, lists)


def _may_follow_title(word: _Word, lists: NameLists) -> bool:
    if word.case == "capital":
        return word.normalised in lists.first or word.normalised in lists.last or _is_unknown(word.normalised, lists)
    names = (lists.alone, lists.first_no_word, lists.last_no_word)
    return word.case == "lower" and (
        any(word.normalised in some for some in names) or _is_unknown(word.normalised, lists)
    )


def _is_meant(text: str, word: _Word, lists: NameLists) -> bool:
    """Return whether the words around a first name, or before a word that nobody knows, say that it is a person's."""
    is_first = word.normalised in lists.first
    if is_first and _AFTER_NAME.match(text, word.end):
        return True
    is_before = bool(_BEFORE_NAME.search(text, max(0, word.start - _LONGEST_BEFORE), word.start))
    return is_before and (is_first or _is_unknown(word.normalised, lists))


def _is_unknown(name: str, lists: NameLists) -> bool:
    """Return whether a word is neither known nor made of a known one by an ending."""
    if len(name) < _FEWEST_LETTERS or name in lists.known:
        return False
    stems = (name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending))
    return not any(stem in lists.known or f"{stem}e" in lists.known for stem in stems)
