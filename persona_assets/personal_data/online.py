"""Find DIDs, e-mail addresses, links, handles and IP addresses.

Every repetition has a maximum or begins where no other one can, so that the time is linear in the text.
"""

import ipaddress
import re
from collections.abc import Iterator

from persona_assets.personal_data.domains import (
    count_domain_characters,
    is_ambiguous_top_level_domain,
    is_top_level_domain,
)
from persona_assets.personal_data.kinds import Span

_DID = re.compile(r"(?:at://)?did:([a-z0-9]{1,16}):[\w.:%-]{1,512}(?:/[\w.:%/~-]{1,512})?")
_DID_METHODS = frozenset({"plc", "web", "key", "pkh", "ethr", "ion", "jwk", "peer", "webvh"})
# Of another method: "did:you:know" is none.
_LENGTH_OF_SURE_DID = 24

_EMAIL = re.compile(
    r"(?i)(?<![\w+%@])\w[\w.+%'\u2019-]{0,63}@(?:[\w-]{1,63}\.){1,8}(?:xn--[a-z0-9-]{1,59}|[^\W\d_]{2,24})(?![\w-])",
    re.IGNORECASE,
)
# An e-mail address that is written so that programs do not see it: "a (at) b dot c".
_HIDDEN_PARTS = tuple(f"{sign}{gap}{word}" for sign in "([{<" for gap in ("", " ") for word in ("at", "dot", "@", "."))
_BRACKET = re.compile(r"[(\[{<]")
_PROVIDER_HINT = re.compile(r" at \w{2,12}\.\w")
_OPEN, _CLOSE = r"[(\[{<] ?", r" ?[)\]}>]"
_BRACKET_AT = rf" {{0,2}}{_OPEN}(?:at|@){_CLOSE} {{0,2}}"
_ANY_AT = rf"(?:{_BRACKET_AT}| at |@)"
_ANY_DOT = rf"(?: {{0,2}}{_OPEN}(?:dot|\.){_CLOSE} {{0,2}}| dot |\.)"
_SURE_DOT = rf"(?: {{0,2}}{_OPEN}(?:dot|\.){_CLOSE} {{0,2}}| dot )"
_NAME = rf"(?<![\w.+%-])[\w+%-]{{1,64}}(?:{_ANY_DOT}[\w+%-]{{1,64}}){{0,3}}"
_LABEL = r"[^\W_][\w-]{0,62}"
_HIDDEN = re.compile(
    rf"{_NAME}{_BRACKET_AT}{_LABEL}(?:{_ANY_DOT}{_LABEL}){{1,4}}"
    rf"|{_NAME}{_ANY_AT}{_LABEL}(?:{_ANY_DOT}{_LABEL}){{0,2}}{_SURE_DOT}{_LABEL}"
    rf"|(?<![\w.+%-])[\w.+%-]{{1,64}} @ {_LABEL}(?:\.{_LABEL}){{1,4}}"
    r"|(?<![\w.+%-])[\w+%-]{0,40}[\d._][\w.+%-]{0,40} at "
    r"(?:gmail|googlemail|yahoo|hotmail|outlook|icloud|proton|protonmail|aol|live|gmx|fastmail|me)\.(?:com|net|de|me|\w\w)",
    re.IGNORECASE,
)
_DOT = re.compile(_ANY_DOT, re.IGNORECASE)

_SCHEME = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,15}://[^\s<>\"\x00]+", re.IGNORECASE)
_BARE_HINT = re.compile(r"\.[^\W\d_]")
_BARE = re.compile(
    rf"(?<![\w@.\-/])((?:{_LABEL}\.){{1,8}}(?:xn--[a-z0-9-]{{1,59}}|[^\W\d_]{{2,24}}))(?![\w@-])"
    r"(:\d{1,5}(?!\d))?([/?#][^\s<>\"\x00]*)?",
    re.IGNORECASE,
)
_CLOSING = {")": "(", "]": "[", "}": "{"}
_TRAILING = ".,;:!?'\"…\u2019”»*_~"
# Domains below which each name is an account: handles of Bluesky's own server and of bridges.
_HANDLE_DOMAINS = (".bsky.social", ".bsky.team", ".brid.gy")

_HANDLE = re.compile(
    r"(?<![\w@/])@\w[\w.-]{0,252}(?:@(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24})?|(?<![\w/.])/?u/[A-Za-z0-9_-]{3,20}(?![\w/-])"
)
# A name of an account elsewhere, after the service's: with a sign or digit, which words lack.
_ELSEWHERE = re.compile(r"[:=] ?(?=[\w.#-]{0,30}[\d_.#])(\w[\w.#-]{2,30})")
_SERVICE = re.compile(
    r"(?i)(?<!\w)(?:insta|instagram|ig|snap|snapchat|discord|twitch|twitter|tiktok|telegram|steam|psn|xbox) ?$"
)
_LONGEST_SERVICE = 12
_TIME = re.compile(r"@[\d.:-]+(?:am|pm|h|hrs|x|k|%)?", re.IGNORECASE)

_IPV4_HINT = re.compile(r"\d\.\d")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"(?<![\w.,$€£-]){_OCTET}(?:\.{_OCTET}){{3}}(?![\w,]*\d|\.\d|\w)")
_VERSION = re.compile(
    r"(?:\bv|\bver|version|build|release|firmware|update|patch|python|chrome|firefox|"
    r"android|ios|windows|linux|kernel)\.? ?$",
    re.IGNORECASE,
)
_VERSION_CHARACTERS = 12
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:(?:\.\d{1,3}){3})?(?![\w:])", re.IGNORECASE)
_FEWEST_DIGITS_OF_IPV6 = 2


def find_dids_and_uris(text: str) -> Iterator[Span]:
    """Yield the spans of DIDs (account ids), and of whole `at://` URIs, because a record key identifies its author."""
    if "did:" in text:
        for match in _DID.finditer(text):
            did = match[0].rstrip(".:-/")
            if match[1] in _DID_METHODS or len(did) >= _LENGTH_OF_SURE_DID:
                yield Span(match.start(), match.start() + len(did), "did")


def find_emails(text: str) -> Iterator[Span]:
    """Yield the spans of e-mail addresses, also of those written as "name (at) host dot com"."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield Span(match.start(), match.end(), "email")
    if _may_hide_an_email(text.lower()):
        at = 0
        while (match := _HIDDEN.search(text, at)) is not None:
            last = _DOT.split(match[0])[-1]
            if is_top_level_domain(last) and (not is_ambiguous_top_level_domain(last) or last.lower() == "me"):
                yield Span(match.start(), match.end(), "email")
                at = match.end()
            else:  # "me at wren dot maddock at gmail dot com": the address begins at a later word.
                at = match.start() + 1


def _may_hide_an_email(lower: str) -> bool:
    """Say whether a text in lower case can have an address that is written so that programs do not see it."""
    return (
        " dot " in lower
        or " @ " in lower
        # Most texts have no bracket, and are searched once.
        or (_BRACKET.search(lower) is not None and any(part in lower for part in _HIDDEN_PARTS))
        or _PROVIDER_HINT.search(lower) is not None
    )


def find_links(text: str) -> Iterator[Span]:
    """Yield the spans of URLs with or without a scheme, and of domain names; `*.bsky.social` counts as a handle."""
    if "://" in text:
        for match in _SCHEME.finditer(text):
            yield Span(match.start(), match.start() + _trim(match[0]), "url")
    if _BARE_HINT.search(text):
        for match in _BARE.finditer(text):
            host, port, path = match[1], match[2] or "", match[3] or ""
            length = count_domain_characters(host, has_path=len(path) > 1)
            if length and length == len(host):
                whole = match.start() + _trim(host + port + path)
                handle = len(path) <= 1 and host.lower().endswith(_HANDLE_DOMAINS)
                yield Span(match.start(), whole, "handle" if handle else "url")
            elif length:
                yield Span(match.start(), match.start() + length, "url")


def _trim(url: str) -> int:
    """Return the length of a URL without the punctuation of the sentence around it."""
    end = len(url)
    # Closing brackets beyond those that were opened, counted where the URL ends with one.
    surplus: dict[str, int] = {}
    while end:
        last = url[end - 1]
        if last in _CLOSING:
            if last not in surplus:
                surplus[last] = url.count(last) - url.count(_CLOSING[last])
            if surplus[last] <= 0:
                break
            surplus[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return end


def find_handles(text: str) -> Iterator[Span]:
    """Yield the spans of handles: `@name`, `@name.example.com`, `@name@example.com` and `u/name`."""
    if "@" in text or "u/" in text:
        for match in _HANDLE.finditer(text):
            handle = match[0].rstrip(".-")
            if not _TIME.fullmatch(handle):
                yield Span(match.start(), match.start() + len(handle), "handle")
    if ":" in text or "=" in text:
        for match in _ELSEWHERE.finditer(text):
            handle = match[1].rstrip(".-")
            service = _SERVICE.search(text[max(0, match.start() - _LONGEST_SERVICE) : match.start()])
            if service and not handle.isalpha():
                yield Span(match.start(1), match.start(1) + len(handle), "handle")


def find_ip_addresses(text: str) -> Iterator[Span]:
    """Yield the spans of IPv4 and IPv6 addresses, except four numbers after a word such as "version"."""
    if text.count(":") > 1:
        for match in _IPV6.finditer(text):
            # "a::b" is an address too, but more often a name in a program.
            digits = sum(character.isdigit() for character in match[0])
            if match[0] == "::1" or (digits >= _FEWEST_DIGITS_OF_IPV6 and _is_ipv6(match[0])):
                yield Span(match.start(), match.end(), "ip")
    if _IPV4_HINT.search(text):
        for match in _IPV4.finditer(text):
            if not _VERSION.search(text[max(0, match.start() - _VERSION_CHARACTERS) : match.start()]):
                yield Span(match.start(), match.end(), "ip")


def _is_ipv6(value: str) -> bool:
    try:
        ipaddress.IPv6Address(value)
    except ipaddress.AddressValueError:
        return False
    return True
