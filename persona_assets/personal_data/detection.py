"""Find personal data in one text: by the facets of its record, then by patterns."""

import re
from collections.abc import Callable, Iterator, Sequence

from persona_assets.personal_data import numbers, online, streets
from persona_assets.personal_data.facets import Facet, locate_facets
from persona_assets.personal_data.kinds import Span, merge_spans

_Finder = Callable[[str], Iterator[Span]]
# The order decides what a span is that fits two kinds: an IBAN has a phone number's digits in it.
_ONLINE: tuple[_Finder, ...] = (online.find_dids_and_uris, online.find_emails, online.find_links, online.find_handles)
_NUMBERS: tuple[_Finder, ...] = (numbers.find_ibans, numbers.find_card_numbers, numbers.find_ssns)
# What has been found is hidden from the finders after it by a character that is no part of any kind.
_HIDDEN = "\x00"
_DIGIT = re.compile(r"[0-9]")


def find_personal_data(text: str, facets: Sequence[Facet] | None = None) -> list[Span]:
    """Return the spans of personal data in a text, except names of people, sorted by start, without overlaps.

    Args:
        text: Any text. The time is linear in its length.
        facets: Mentions and links of the record: offsets in bytes of the text in UTF-8. Those that do not fit the text
            are ignored (`locate_facets` counts them).
    """
    located = locate_facets(text, facets)[0] if facets else []
    found = find_personal_data_by_patterns(text)
    return merge_spans([*located, *found]) if located else found


def find_personal_data_by_patterns(text: str) -> list[Span]:
    """Return the spans of personal data that regular expressions find, sorted by start, without overlaps."""
    found: list[Span] = []
    hidden = text
    for finder in _choose_finders(text):
        spans = list(finder(hidden))
        if spans:
            spans = merge_spans(spans)
            hidden = _hide(hidden, spans)
            found += spans
    return sorted(found)


def _choose_finders(text: str) -> Iterator[_Finder]:
    """Yield the finders that can find anything: most texts have no digits."""
    yield from _ONLINE
    has_digits = _DIGIT.search(text) is not None
    if has_digits and numbers.HINT.search(text):
        yield from _NUMBERS
        yield online.find_ip_addresses
        yield numbers.find_phone_numbers
        yield streets.find_postal_addresses
    elif has_digits or text.count(":") > 1:
        yield online.find_ip_addresses
        yield streets.find_postal_addresses


def _hide(text: str, spans: Sequence[Span]) -> str:
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += [text[at : span.start], _HIDDEN * (span.end - span.start)]
        at = span.end
    return "".join([*parts, text[at:]])
