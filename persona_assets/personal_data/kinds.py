"""The kinds of personal data, their placeholders, and spans of text."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, get_args

Kind = Literal["did", "email", "url", "handle", "iban", "card", "ssn", "ip", "phone", "address", "name"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# A placeholder names the kind and nothing else. It has no number: numbers would say which of an author's texts name
# the same person. A model that is trained on the texts learns a fixed token, not a made-up person.
PLACEHOLDERS: Mapping[Kind, str] = {kind: f"[{kind.upper()}]" for kind in KINDS}


class Span(NamedTuple):
    """Personal data of one kind in a text: characters `start` to `end` (exclusive)."""

    start: int
    end: int
    kind: Kind


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Return non-overlapping spans that cover the same characters as `spans`, sorted by start.

    Spans that overlap become one. Its kind is that of the span that comes first in `spans`.
    """
    ranked = sorted(enumerate(spans), key=lambda item: (item[1].start, item[0]))
    merged: list[tuple[int, Span]] = []
    for rank, span in ranked:
        if merged and span.start < merged[-1][1].end:
            first, last = merged[-1]
            kind = last.kind if first < rank else span.kind
            merged[-1] = (min(first, rank), Span(last.start, max(last.end, span.end), kind))
        else:
            merged.append((rank, span))
    return [span for _, span in merged]
