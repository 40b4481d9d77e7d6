"""Read the facets of a post: which bytes of its text are a mention or a link.

Source: https://docs.bsky.app/docs/advanced-guides/post-richtext. Facets are written by the author's program, so that
offsets may be wrong or hostile: those that do not fit the text are ignored and counted.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from persona_assets.personal_data.kinds import Span

MAX_FACETS = 300  # of a text; as many as a post has characters
MAX_FACET_LENGTH = 512  # characters; a domain name has at most 253
_FEATURES: Mapping[str, Literal["handle", "url"]] = {
    "app.bsky.richtext.facet#mention": "handle",
    "app.bsky.richtext.facet#link": "url",
}

IgnoredFacet = Literal["malformed", "too_many", "outside", "inside_character", "too_long", "anchor"]


class Facet(NamedTuple):
    """A mention or link in a post: bytes `byte_start` to `byte_end` (exclusive) of its text in UTF-8."""

    byte_start: int
    byte_end: int
    kind: Literal["handle", "url"]


def parse_facets(value: object) -> tuple[tuple[Facet, ...], dict[IgnoredFacet, int]]:
    """Return the mentions and links in the value of a record's `facets`, and the number of ignored facets by reason.

    Facets of other types, such as hashtags, are no personal data and are not counted.

    Args:
        value: `facets` of the decoded record: anything that JSON can hold.
    """
    items: list[Any] = value if isinstance(value, list) else []
    ignored: dict[IgnoredFacet, int] = {}
    if value is not None and not isinstance(value, list):
        ignored["malformed"] = 1
    if len(items) > MAX_FACETS:
        ignored["too_many"] = len(items) - MAX_FACETS
    found: list[Facet] = []
    for item in items[:MAX_FACETS]:
        facet = _read_facet(item)
        if facet == "malformed":
            ignored["malformed"] = ignored.get("malformed", 0) + 1
        elif facet is not None:
            found.append(facet)
    return tuple(found), ignored


def _read_facet(item: Any) -> Facet | Literal["malformed"] | None:
    """Return a mention or a link: None for a facet of another type."""
    index: Any = item.get("index") if isinstance(item, dict) else None
    features: Any = item.get("features") if isinstance(item, dict) else None
    start: Any = index.get("byteStart") if isinstance(index, dict) else None
    end: Any = index.get("byteEnd") if isinstance(index, dict) else None
    # Not isinstance: True is an int too.
    if not isinstance(features, list) or type(start) is not int or type(end) is not int:
        return "malformed"
    for feature in features[:MAX_FACETS]:
        name: Any = feature.get("$type") if isinstance(feature, dict) else None
        if isinstance(name, str) and name in _FEATURES:
            return Facet(start, end, _FEATURES[name])
    return None


def locate_facets(text: str, facets: Sequence[Facet]) -> tuple[list[Span], dict[IgnoredFacet, int]]:
    """Convert facets from byte offsets to spans of characters; return them and the number of ignored facets by reason.

    A link on words, such as "read more", is no personal data in the text: it is ignored as `anchor`. Its address is
    in the facet alone. The time is linear in the text and in the number of facets, of which `MAX_FACETS` are read.
    """
    ignored: dict[IgnoredFacet, int] = {}
    if not facets:
        return [], ignored
    if len(facets) > MAX_FACETS:
        ignored["too_many"] = len(facets) - MAX_FACETS
    data = text.encode("utf-8", errors="surrogatepass")
    characters = _count_characters(data, facets[:MAX_FACETS])
    spans: list[Span] = []
    for facet in facets[:MAX_FACETS]:
        reason = _find_fault(data, facet)
        if reason is None:
            span = Span(characters[facet.byte_start], characters[facet.byte_end], facet.kind)
            reason = _find_fault_of_text(text[span.start : span.end], span)
            if reason is None:
                spans.append(span)
        if reason is not None:
            ignored[reason] = ignored.get(reason, 0) + 1
    return spans, ignored


def _count_characters(data: bytes, facets: Sequence[Facet]) -> dict[int, int]:
    """Return the number of characters before each offset in bytes that lies in the text."""
    offsets = sorted({at for facet in facets for at in facet[:2] if 0 <= at <= len(data)})
    counts: dict[int, int] = {}
    characters = last = 0
    for at in offsets:
        # Continuation bytes are 10xxxxxx: all others begin a character.
        characters += sum(byte & 0xC0 != 0x80 for byte in data[last:at])  # noqa: PLR2004 - bits of UTF-8
        counts[at] = characters
        last = at
    return counts


def _find_fault(data: bytes, facet: Facet) -> IgnoredFacet | None:
    if not 0 <= facet.byte_start < facet.byte_end <= len(data):
        return "outside"
    cuts = [at for at in facet[:2] if at < len(data) and data[at] & 0xC0 == 0x80]  # noqa: PLR2004 - bits of UTF-8
    return "inside_character" if cuts else None


def _find_fault_of_text(marked: str, span: Span) -> IgnoredFacet | None:
    if span.end - span.start > MAX_FACET_LENGTH:
        return "too_long"
    if span.kind == "url" and ("." not in marked or any(character.isspace() for character in marked)):
        return "anchor"
    return None
