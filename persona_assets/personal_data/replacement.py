"""Replace personal data in many texts by placeholders, each distinct text once."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from persona_assets.personal_data.detection import find_personal_data_by_patterns
from persona_assets.personal_data.facets import Facet, IgnoredFacet, locate_facets
from persona_assets.personal_data.hints import may_hold_personal_data
from persona_assets.personal_data.kinds import KINDS, PLACEHOLDERS, Kind, Span, merge_spans

# Takes texts and returns, for each, where names are: start and end in characters.
NameFinder = Callable[[Sequence[str]], Sequence[Sequence[tuple[int, int]]]]


class ReplacedTexts(NamedTuple):
    """Result of `replace_personal_data`: the new texts, the number of replacements by kind, and ignored facets.

    Attributes:
        texts: As many as were given, in their order. None stays None.
        counts: Number of placeholders by kind over all texts, also of kinds without any. A text that occurs twice
            counts twice.
        ignored_facets: Number of facets that did not fit their text, by reason.
    """

    texts: list[str | None]
    counts: dict[Kind, int]
    ignored_facets: dict[IgnoredFacet, int]


def replace_personal_data(
    texts: Sequence[str | None],
    facets: Sequence[Sequence[Facet]] | None = None,
    names: NameFinder | None = None,
) -> ReplacedTexts:
    """Replace the personal data in each text by placeholders such as [EMAIL]; None stays None.

    Args:
        texts: `(n,)`, in any order.
        facets: `(n,)`, the mentions and links of each text's record; None: of no text.
        names: Finds names, such as `names.load_name_finder` returns; None: names stay.

    Raises:
        ValueError: There are not as many facets as texts, or `names` does not answer for each text.
    """
    if facets is not None and len(facets) != len(texts):
        raise ValueError("There must be as many facets as texts.")
    written = [text or "" for text in texts]
    may_hold = may_hold_personal_data(written)
    named = _find_names([text for text in texts if text is not None], names)
    counts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
    all_ignored: dict[IgnoredFacet, int] = {}
    replaced = list(texts)
    made: dict[tuple[str, tuple[Facet, ...]], tuple[str, list[Span], dict[IgnoredFacet, int]]] = {}
    # Nearly all texts have nothing, and are not looked at one by one.
    some = np.flatnonzero(may_hold).tolist() if facets is None and not named else range(len(texts))
    for place in some:
        text = texts[place]
        if text is None:
            continue
        key = text, () if facets is None else tuple(facets[place])
        if key not in made:
            made[key] = _replace(*key, named.get(text, []), may_hold=bool(may_hold[place]))
        replaced[place], spans, ignored = made[key]
        for span in spans:
            counts[span.kind] += 1
        _add(all_ignored, ignored)
    return ReplacedTexts(replaced, counts, all_ignored)


def _replace(
    text: str, facets: tuple[Facet, ...], names: list[Span], *, may_hold: bool
) -> tuple[str, list[Span], dict[IgnoredFacet, int]]:
    """Return a text with placeholders, what they are for, and how many facets were ignored, by reason."""
    located, ignored = locate_facets(text, facets)
    spans = find_personal_data_by_patterns(text) if may_hold else []
    if located or names:
        spans = merge_spans([*located, *spans, *names])
    return replace_by_placeholders(text, spans), spans, ignored


def _find_names(texts: Sequence[str], names: NameFinder | None) -> Mapping[str, list[Span]]:
    if names is None:
        return {}
    distinct = list(dict.fromkeys(texts))
    return {
        text: [Span(start, end, "name") for start, end in found]
        for text, found in zip(distinct, names(distinct), strict=True)
        if found
    }


def _add(total: dict[IgnoredFacet, int], more: Mapping[IgnoredFacet, int]) -> None:
    for reason, count in more.items():
        total[reason] = total.get(reason, 0) + count


def replace_by_placeholders(text: str, spans: Sequence[Span]) -> str:
    """Replace each span of a text by the placeholder of its kind; spans are sorted and do not overlap."""
    if not spans:
        return text
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += [text[at : span.start], PLACEHOLDERS[span.kind]]
        at = span.end
    return "".join([*parts, text[at:]])
