"""Find IBANs, card numbers, US social security numbers and phone numbers.

`HINT` is searched first: most posts have no seven digits in a row. Every repetition has a maximum, so that the time is
linear in the text.
"""

import re
from collections.abc import Iterator

from persona_assets.personal_data.checksums import IBAN_LENGTHS, is_card_number, is_iban
from persona_assets.personal_data.kinds import Span

# Seven digits, each at most three signs after the one before.
HINT = re.compile(r"(?:\d[^\w\n]{0,3}){6}\d")

_IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_CARD = re.compile(r"(?<![\w.,+-])(?<!\d )\d(?:[ .-]?\d){12,18}(?![\w]|[ .-]\d)")
_SSN = re.compile(r"(?<![\w-])(?<!\d )(\d{3})([- .])(\d{2})\2(\d{4})(?![\w-]|[ .]\d)")
_PLAIN_SSN = re.compile(r"(?:\bssn|\bsocial(?: security)?)\b[^\d\n]{0,20}(\d{9})(?!\d)", re.IGNORECASE)

_GAP = r"[ .\-/()\u00a0\u2010-\u2013]"
_EXTENSION = r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?"
_BEFORE = r"(?<![\w.,:/$€£#+@=&%-])(?<!\d )"
_NORTH_AMERICA = (
    r"(?:\+?1[ .-]{0,2})?(?:\([2-9]\d\d\) {0,2}|\(?[2-9]\d\d\)?[ .\-/]{1,2})\d{3}[ .-]{1,2}\d{4}"
    r"|(?:\+?1[ .-]{0,2})?\(?[2-9]\d\d\)?[ .\-/]{0,2}[2-9]\d\d[ .-]{0,2}\d{4}"
)
# With the trunk prefix 0, as most of Europe, Asia and Africa dial: 9 to 11 digits in groups.
_TRUNK = (
    r"0[1-9](?:[ .-]\d\d){4}|\(?0[1-9]\d{1,3}\)?[ /-]\d{3,4}[ -]?\d{3,4}|\(?0[1-9]\d{0,3}\)?[ /-]\d{5,8}"
    r"|0[1-9]\d{8,9}|\(?0[1-9]\d{0,2}\)?(?: \d{2,4}){2,4}"
    # Spanish: nine digits, which end in pairs.
    r"|[6789]\d \d{3} \d\d \d\d|[6789]\d\d(?: \d\d){3}"
    r"|1[38]00 \d{3} \d{3}"
    # Seven digits as they are dialled in North America: no range of hundreds or years.
    r"|[2-9]\d\d-(?!19|20)\d\d(?!00)\d\d"
)
_PHONE = re.compile(
    rf"(?<![\w+])(?:\+|(?<!\d )00)\(?[1-9](?:{_GAP}{{0,3}}\d){{6,14}}(?!\d){_EXTENSION}"
    rf"|{_BEFORE}(?:{_NORTH_AMERICA}){_EXTENSION}(?![\w]|[-.]\d)"
    rf"|{_BEFORE}(?:{_TRUNK})(?![\w]|[ .-]\d)"
)
# Fewer digits are a phone number after such a word.
_CALLED = re.compile(
    r"\b(?:call|text|phone|tel|telephone|ph|mob|mobile|cell|dial|ring|whatsapp|fax|sms|landline|voicemail|hotline)"
    rf"\b[^\d\n+(]{{0,15}}(\+?\(?\d(?:{_GAP}{{0,2}}\d){{6,13}})(?![\w]|[.,:]\d)",
    re.IGNORECASE,
)
_FEWEST_TRUNK_DIGITS, _MOST_PHONE_DIGITS = 9, 15


def find_ibans(text: str) -> Iterator[Span]:
    """Yield the spans of IBANs with valid check digits, with or without spaces."""
    for match in _IBAN.finditer(text):
        length = IBAN_LENGTHS.get(match[1].upper())
        if length is not None:
            end = _end_of_characters(match[0], length)
            if end and is_iban(match[0][:end].replace(" ", "").replace("-", "")):
                yield Span(match.start(), match.start() + end, "iban")


def _end_of_characters(value: str, count: int) -> int:
    """Return where the first `count` letters and digits end: 0 where there are fewer or a word goes on."""
    seen = 0
    for at, character in enumerate(value):
        seen += character not in " -"
        if seen == count:
            return 0 if value[at + 1 : at + 2].isalnum() else at + 1
    return 0


def find_card_numbers(text: str) -> Iterator[Span]:
    """Yield the spans of payment card numbers: 13 to 19 digits in a network's range that pass the Luhn test."""
    for match in _CARD.finditer(text):
        if is_card_number(_digits(match[0])):
            yield Span(match.start(), match.end(), "card")


def find_ssns(text: str) -> Iterator[Span]:
    """Yield the spans of US social security and taxpayer numbers: `ddd-dd-dddd`, or nine digits after e.g. "SSN".

    Ranges are not checked: areas from 900 are of taxpayer numbers, and nothing else is written in this form.
    """
    for match in _SSN.finditer(text):
        yield Span(match.start(), match.end(), "ssn")
    for match in _PLAIN_SSN.finditer(text):
        yield Span(match.start(1), match.end(1), "ssn")


def find_phone_numbers(text: str) -> Iterator[Span]:
    """Yield the spans of phone numbers: international, North American, with trunk prefix 0, or after e.g. "call"."""
    for match in _PHONE.finditer(text):
        digits = len(_digits(match[0]))
        if match[0][0] == "+" or digits >= _FEWEST_TRUNK_DIGITS or match[0][3:4] == "-":
            unopened = match[0][0] == "(" and ")" not in match[0]
            yield Span(match.start() + unopened, match.end(), "phone")
    for match in _CALLED.finditer(text):
        if len(_digits(match[1])) <= _MOST_PHONE_DIGITS:
            yield Span(match.start(1), match.end(1), "phone")


def _digits(value: str) -> str:
    return "".join(character for character in value if character.isdigit())
