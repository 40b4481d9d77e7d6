"""Texts keep everything but personal data, and what is replaced is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.personal_data import KINDS, Facet, replace_personal_data
from persona_assets.personal_data.kinds import Span
from persona_assets.personal_data.replacement import replace_by_placeholders
from persona_assets_tests.scored_posts import read_posts

OWN = [post.text for post in read_posts("posts_own.jsonl")]


def test_each_piece_becomes_the_placeholder_of_its_kind():
    removed = replace_personal_data(["Mail a@b.org, @anna or +1 212 555 0198", None, "nothing", ""])

    assert removed.texts == ["Mail [EMAIL], [HANDLE] or [PHONE]", None, "nothing", ""]
    assert {kind: count for kind, count in removed.counts.items() if count} == {"email": 1, "handle": 1, "phone": 1}
    assert set(removed.counts) == set(KINDS)


def test_repeated_texts_count_each_time_and_are_read_once():
    asked = []

    def find_names(texts):
        asked.extend(texts)
        return [[(0, 4)] if text.startswith("Anna") else [] for text in texts]

    removed = replace_personal_data(["Anna left", "a@b.org", "Anna left"], names=find_names)

    assert removed.texts == ["[NAME] left", "[EMAIL]", "[NAME] left"]
    assert (removed.counts["name"], removed.counts["email"]) == (2, 1)
    assert asked == ["Anna left", "a@b.org"]


def test_equal_texts_with_different_facets_are_different():
    facets = [[Facet(0, 4, "handle")], [], [Facet(0, 99, "handle")]]
    removed = replace_personal_data(["Anna left"] * 3, facets)

    assert removed.texts == ["[HANDLE] left", "Anna left", "Anna left"]
    assert removed.ignored_facets == {"outside": 1}


def test_a_name_inside_an_address_is_no_second_placeholder():
    assert replace_personal_data(["anna@b.org"], names=lambda texts: [[(0, 4)] for _ in texts]).texts == ["[EMAIL]"]


def test_a_missing_answer_or_facet_is_an_error():
    with pytest.raises(ValueError, match="as many facets"):
        replace_personal_data(["a", "b"], [[]])
    with pytest.raises(ValueError, match="zip"):
        replace_personal_data(["a", "b"], names=lambda _: [[]])


@given(st.lists(st.sampled_from(OWN), max_size=6))
def test_a_second_removal_finds_nothing(texts):
    once = replace_personal_data(texts)

    assert replace_personal_data(once.texts).texts == once.texts
    assert sum(replace_personal_data(once.texts).counts.values()) == 0


@given(st.lists(st.sampled_from(OWN), max_size=6), st.randoms())
def test_the_order_of_texts_does_not_matter(texts, random):
    order = list(range(len(texts)))
    random.shuffle(order)
    shuffled = replace_personal_data([texts[at] for at in order])

    assert shuffled.texts == [replace_personal_data(texts).texts[at] for at in order]
    assert shuffled.counts == replace_personal_data(texts).counts


def test_text_outside_of_spans_is_kept():
    assert replace_by_placeholders("abcdef", [Span(0, 1, "ip"), Span(3, 5, "url")]) == "[IP]bc[URL]f"
