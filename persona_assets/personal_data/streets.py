"""Find street addresses.

A street address is a number and a street's name, with what follows of it: flat, town, state and postal code. A town
alone is none. English forms are the most complete; German, French, Dutch, Spanish, Italian and Portuguese ones have
street and number. Every repetition has a maximum, so that the time is linear in the text.
"""

import re
from collections.abc import Iterator

from persona_assets.personal_data.kinds import Span

SUFFIXES = (
    "Street|Str|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Close|Row|Place|Pl|Terrace|Ter|Way|"
    "Parkway|Pkwy|Highway|Hwy|Square|Sq|Circle|Cir|Crescent|Cres|Gardens|Gdns|Grove|Hill|Mews|Walk|Trail|Trl|Loop|"
    "Route|Cottages|Cottage|Brae|Buildings|Yard|Wynd|Villas|Heights|Bank|Fold|Circus|Alley|Quay|Wharf|Green|Park|Rise|"
    "View|Vale|Plaza|Pike|Turnpike|Run|Path|Bend|Ridge|Esplanade|Parade|Promenade|Mall"
)
SURE_SUFFIXES = "street st avenue ave road rd boulevard blvd lane ln pl ct terrace crescent"
_SURE = frozenset(SURE_SUFFIXES.split())
_ANY_SUFFIX = f"(?:{SUFFIXES}|{SUFFIXES.upper()})"
_WORD = r"(?:[A-Z][\w'\u2019.-]{0,24}|\d{1,3}(?:st|nd|rd|th|ST|ND|RD|TH))"
_UNIT = r"(?:Flat|Apt|Apartment|Unit|Suite|Ste|Room|Rm|Floor|Fl|Studio|Bldg|Building|#)"
_STATE = (
    r"(?:Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|"
    r"Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|"
    r"Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|"
    r"Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|"
    r"West Virginia|Wisconsin|Wyoming|[A-Z]{2,3})"
)
_UK_CODE = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"
_CANADIAN = r"[A-Z]\d[A-Z] ?\d[A-Z]\d\b"
_ZIP = r"\d{5}(?:-\d{4})?\b"
_TOWN_WORD = r"(?!I\b)[A-ZÀ-Þ](?:[^\W\d_]|['\u2019-]){1,24}\b(?!\d)"
_TOWN = rf"(?:(?:St|Mt|Ft)\. )?{_TOWN_WORD}(?: {_TOWN_WORD}){{0,2}}"
_TAIL = (
    rf"(?:,? {_UNIT}\.? ?#?\w{{1,6}}\b|,? ?#\w{{1,6}}\b)?"
    rf"(?:, {_TOWN})?(?:,? {_STATE}(?:,? {_ZIP}|,? \d{{4}}\b|,? {_CANADIAN})?\b|,? {_UK_CODE}|,? {_ZIP}|,? \d{{4}}\b)?"
)
# A pattern that begins with a digit, and looks back after it, is tried at digits only: that is ten times as fast.
_FIRST = r"\d(?<![\w.,$€£#/-]\d)"
_NUMBER = r"\d{0,4}(?:[-/]\d{1,4}|[A-Za-z])?"
_ENGLISH = re.compile(
    rf"{_FIRST}{_NUMBER},? (?:[NSEW]{{1,2}}\.? |(?:North|South|East|West) )?"
    rf"(?:(?:{_WORD} ){{1,4}}?{_ANY_SUFFIX}|Broadway)\b\.?(?! {_ANY_SUFFIX}\b)"
    rf"(?: [NSEW]{{1,2}}\b| \d{{1,4}}(?=,))?{_TAIL}"
)
# A flat, or the name of a house, before the number.
_HOUSE = r"(?:House|Lodge|Hall|Court|Building|Cottage|Farm|Mill|Manor|Tower|Towers|Barn|Villa)"
_UNIT_BEFORE = re.compile(
    rf"(?<!\w)(?:{_UNIT}\.? \w{{1,5}},? )?"
    rf"(?:(?:The [A-Z]\w{{1,15}}(?: [A-Z]\w{{1,15}})?|(?:[A-Z]\w{{1,15}} ){{1,2}}{_HOUSE}), )?$"
)
_LONGEST_UNIT = 60
_LOWER = re.compile(
    rf"(?i){_FIRST}\d{{0,4}}[a-z]? (?:[nsew]\.? |north |south |east |west )?"
    r"((?:[a-z'\u2019-]{2,20} |\d{1,3}(?:st|nd|rd|th) ){1,2}?)"
    rf"({'|'.join(sorted(_SURE))})\b\.?(?:,? (?:apt|unit|suite|flat)\.? ?#?\w{{1,6}}\b)?(?:,? {_UK_CODE})?"
)
# Words that stand between a number and "street" or "road" in sentences that name none.
_NO_NAMES = """
the of a an to in on at and or by for from with my your our this that these those per way lane lanes mile miles
minutes hours days weeks years people cars more less other different every each city dirt gravel country busy
narrow open long side back through across along down up off over out two three four five six is are was were km feet
meter metre meters metres yards block blocks
"""
_NOT_OF_STREETS = frozenset(_NO_NAMES.split())
# Patterns that begin with letters, each with what a text must have for it.
_BOX = re.compile(r"\bP\.? ?O\.? ?[Bb]ox \d{1,6}" + _TAIL)
_NUMBER_LAST = (
    r"(?<!\w)(?:(?:Am|Im|Zum|Zur|(?:An|In|Auf|Unter) de[nr]) [A-ZÄÖÜ][\w-]{2,30} \d{1,4}[a-z]?(?=, \d{5} )|"
    r"Postfach \d[\d ]{1,10}(?=,)|"
    r"[A-ZÄÖÜ][\w-]{1,30}(?:straße|strasse|str\.|gasse|platz|allee|damm|ufer|weg|straat|laan|gracht|plein|kade)"
    rf" \d{{1,4}}[a-z]?\b)(?:,? \d{{4,5}}(?: ?[A-Z]{{2}})? {_TOWN})?"
)
_GERMAN = re.compile(_NUMBER_LAST)
_GERMAN_PARTS = (
    "straße",
    "strasse",
    "str.",
    "gasse",
    "platz",
    "allee",
    "damm",
    "ufer",
    "weg",
    "straat",
    "laan",
    "gracht",
    "plein",
    "kade",
    "Am ",
    "Im ",
    "Zum ",
    "Zur ",
    " der ",
    " den ",
    "Postfach",
)
_FRENCH = re.compile(
    r"\d(?<![\w.,]\d)\d{0,3}(?: ?(?:bis|ter))?,? "
    r"(?:[Rr]ue|avenue|av\.|boulevard|bd|place|chemin|impasse|allée|quai|cours)"
    r" (?:(?:de|du|des|la|le|les|aux?) |(?:de )?[ld]['\u2019]){0,2}[A-ZÀ-Þ][\w'\u2019-]{1,30}"
    rf"(?: [A-ZÀ-Þ][\w'\u2019-]{{1,30}}){{0,2}}(?:,? \d{{5}} {_TOWN})?"
)
_ROMANCE = re.compile(
    r"(?<!\w)(?:Calle|C/|Avenida|Avda\.?|Plaza|Paseo|Via|Viale|Piazza|Corso|Rua|Largo|Travessa)"
    r" (?:(?:de|del|della|dei|da|do|das|dos|la|las|los) ){0,2}"
    r"[A-ZÀ-Þ][\w'\u2019-]{1,30}(?: (?:(?:de|del|da|do) )?[A-ZÀ-Þ][\w'\u2019-]{1,30}){0,2},? (?:n[.º°] ?)?"
    rf"\d{{1,4}}[a-zA-Z]?\b(?:,? \d{{4,5}} {_TOWN})?"
)
_ROMANCE_PARTS = (
    "Calle",
    "C/",
    "Avenida",
    "Avda",
    "Plaza",
    "Paseo",
    "Via",
    "Piazza",
    "Corso",
    "Rua",
    "Largo",
    "Travessa",
)
# Postal codes that name a few houses: the last three characters, and what precedes them.
_UK_LAST = re.compile(r"\d[A-Z]{2}(?!\w)")
_UK_FIRST = re.compile(r"(?<!\w)[A-Z]{1,2}\d[A-Z\d]? $")
_LONGEST_UK_FIRST = 6
_US_HINT = re.compile(r", [A-Z]{2} \d{5}")
_US_TOWN = re.compile(rf"(?<!\w){_TOWN}, [A-Z]{{2}} {_ZIP}")


def find_postal_addresses(text: str) -> Iterator[Span]:
    """Yield the spans of street addresses, post-office boxes and postal codes of small areas; they may overlap."""
    for match in _ENGLISH.finditer(text):
        before = max(0, match.start() - _LONGEST_UNIT)
        unit = _UNIT_BEFORE.search(text[before : match.start()])
        yield Span(before + unit.start() if unit else match.start(), match.end(), "address")
    for match in _LOWER.finditer(text):
        if not _NOT_OF_STREETS & set(match[1].lower().split()):
            yield Span(match.start(), match.end(), "address")
    for match in _UK_LAST.finditer(text):
        before = max(0, match.start() - _LONGEST_UK_FIRST)
        first = _UK_FIRST.search(text[before : match.start()])
        if first:
            yield Span(before + first.start(), match.end(), "address")
    for pattern in _choose_patterns(text):
        for match in pattern.finditer(text):
            yield Span(match.start(), match.end(), "address")


def _choose_patterns(text: str) -> Iterator[re.Pattern[str]]:
    yield _FRENCH
    if "ox " in text:
        yield _BOX
    if any(part in text for part in _GERMAN_PARTS):
        yield _GERMAN
    if any(part in text for part in _ROMANCE_PARTS):
        yield _ROMANCE
    if _US_HINT.search(text):
        yield _US_TOWN
