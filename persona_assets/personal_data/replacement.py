"""Replace personal data in many texts by placeholders, each distinct text once."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

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
    of_text: Sequence[Sequence[Facet]] = [()] * len(texts) if facets is None else facets
    keys = [None if text is None else (text, tuple(marks)) for text, marks in zip(texts, of_text, strict=True)]
    distinct = [key for key in dict.fromkeys(keys) if key is not None]
    named = _find_names([text for text, _ in distinct], names)
    made: dict[tuple[str, tuple[Facet, ...]], tuple[str, list[Span], dict[IgnoredFacet, int]]] = {}
    may_hold = may_hold_personal_data([text for text, _ in distinct]).tolist()
    for (text, marks), may in zip(distinct, may_hold, strict=True):
        if not (marks or may or text in named):  # nearly all texts
            made[text, marks] = text, [], {}
            continue
        located, ignored = locate_facets(text, marks)
        spans = find_personal_data_by_patterns(text) if may else []
        if located or text in named:
            spans = merge_spans([*located, *spans, *named.get(text, [])])
        made[text, marks] = replace_by_placeholders(text, spans), spans, ignored
    counts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
    all_ignored: dict[IgnoredFacet, int] = {}
    for key in keys:
        if key is not None:
            _, spans, ignored = made[key]
            for span in spans:
                counts[span.kind] += 1
            _add(all_ignored, ignored)
    return ReplacedTexts([None if key is None else made[key][0] for key in keys], counts, all_ignored)


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
