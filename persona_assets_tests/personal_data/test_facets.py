"""Facets mark mentions and links, and hostile ones mark nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.personal_data.facets import MAX_FACETS, Facet, locate_facets, parse_facets
from persona_assets.personal_data.kinds import Span

MENTION, LINK, TAG = ({"$type": f"app.bsky.richtext.facet#{name}"} for name in ("mention", "link", "tag"))


def facet(start, end, *features):
    return {"index": {"byteStart": start, "byteEnd": end}, "features": list(features)}


def test_mentions_and_links_are_read_and_tags_are_not():
    value = [facet(0, 4, MENTION), facet(5, 9, TAG), facet(10, 12, TAG, LINK)]

    assert parse_facets(value) == ((Facet(0, 4, "handle"), Facet(10, 12, "url")), {})


@pytest.mark.parametrize(
    "value",
    [
        {},
        "x",
        7,
        [None],
        [{}],
        [{"index": 3, "features": []}],
        [facet(None, 3, LINK)],
        [{"index": {"byteStart": True, "byteEnd": 3}, "features": []}],
        [facet(0.0, 3, LINK)],
        [{"index": {"byteStart": 0, "byteEnd": 3}, "features": "x"}],
    ],
)
def test_malformed_facets_are_counted(value):
    assert parse_facets(value) == ((), {"malformed": 1})


def test_features_of_any_form_are_survived():
    assert parse_facets([facet(0, 3, None, 7, {"$type": ["x"]}, {"$type": {}}, LINK)]) == ((Facet(0, 3, "url"),), {})


def test_too_many_facets_are_counted():
    value = [facet(0, 3, MENTION)] * (MAX_FACETS + 7)

    assert len(parse_facets(value)[0]) == MAX_FACETS
    assert parse_facets(value)[1] == {"too_many": 7}
    assert locate_facets("abc", [Facet(0, 3, "handle")] * (MAX_FACETS + 2))[1] == {"too_many": 2}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["index", "features", "byteStart", "byteEnd", "$type"]), inner)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_survived(value):
    parse_facets(json.loads(json.dumps(value)))


@given(st.text(max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_offsets_in_bytes_become_offsets_in_characters(text, one, other):
    text = text.encode("utf-8", "ignore").decode("utf-8")
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    in_bytes = [len(text[:at].encode()) for at in (start, end)]
    spans, ignored = locate_facets(text, [Facet(*in_bytes, "handle")])

    assert (spans, ignored) == (([Span(start, end, "handle")], {}) if start < end else ([], {"outside": 1}))


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (-1, 3, "outside"),
        (3, 3, "outside"),
        (5, 2, "outside"),
        (0, 10**30, "outside"),
        (1, 4, "inside_character"),
        (0, 1, "inside_character"),
    ],
)
def test_hostile_offsets_are_ignored_and_counted(start, end, reason):
    assert locate_facets("\u00e9\u00e9\u00e9\u00e9", [Facet(start, end, "handle")]) == ([], {reason: 1})


def test_a_link_on_words_is_an_anchor_and_a_shortened_address_is_none():
    text = "read more at example.org/a\u2026 now"

    assert locate_facets(text, [Facet(0, 9, "url")]) == ([], {"anchor": 1})
    assert locate_facets(text, [Facet(13, 29, "url")]) == ([Span(13, 27, "url")], {})


def test_a_mention_cannot_hide_a_whole_text():
    assert locate_facets("a" * 3000, [Facet(0, 3000, "handle")]) == ([], {"too_long": 1})
