"""Linkage is measured as an attacker would: right where authors differ, nothing where they do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.privacy.linkage import Linkage, _recall_at_precision, link_by_search, link_by_texts, link_by_vectors

AUTHORS = ["the cat and the hat", "a dog ran over there", "seven ships sailed north", "red wine with old cheese"]
SAME = np.arange(4)


@pytest.mark.parametrize("method", ["words", "characters"])
def test_authors_who_repeat_their_words_are_all_found(method):
    released = ["hat, said the cat", "over there a dog", "north sailed seven", "old red cheese"]

    assert link_by_texts(AUTHORS, released, SAME, method=method) == Linkage(4, 4, 1.0, 1.0)


@pytest.mark.parametrize("method", ["words", "characters"])
def test_texts_that_tell_nobody_apart_link_nobody(method):
    assert link_by_texts(AUTHORS, ["[NAME]"] * 4, SAME, method=method) == Linkage(4, 4, 0.0, 0.0)
    assert link_by_texts(["equal"] * 4, ["equal"] * 4, SAME, method=method) == Linkage(4, 4, 0.0, 0.0)


def test_several_lines_of_an_author_are_units_of_their_own():
    lines = ["the hat", "the cat", "seven ships", "nothing of these"]

    assert link_by_texts(AUTHORS, lines, np.array([0, 0, 2, 1]), method="words").recall_at_1 == 0.75


def test_vectors_are_compared_by_direction():
    known = np.eye(3, dtype=np.float16)
    released = np.array([[0.1, 5, 0], [9, 1, 0], [0, 0, 0]], dtype=np.float32)

    assert link_by_vectors(known, released, np.array([1, 0, 2])) == Linkage(3, 3, 2 / 3, 2 / 3)


def test_a_search_finds_verbatim_texts_and_not_texts_of_others():
    public = [*AUTHORS, "good morning", "good morning"]
    authors = np.array([0, 1, 2, 3, 0, 1])

    assert link_by_search(public, authors, AUTHORS, SAME) == 1.0
    assert link_by_search(public, authors, ["good morning"] * 2, np.array([0, 1])) == 0.5
    assert link_by_search(public, authors, ["[URL]"], np.array([0])) == 0.0


@pytest.mark.parametrize(
    ("hits", "margins", "expected"),
    [
        # Nine right and one wrong may all be claimed.
        ([1] * 9 + [0], range(10, 0, -1), 0.9),
        # Two of ten wrong: only those before the second may be.
        ([1] * 8 + [0] * 2, range(10, 0, -1), 0.8),
        ([0] + [1] * 8, range(9, 0, -1), 0.0),
        # Equal margins are claimed together.
        ([1, 0], [1, 1], 0.0),
        # Nothing is claimed without a margin.
        ([1, 1], [0, 0], 0.0),
        # The precision may recover after a mistake.
        ([1] * 3 + [0] + [1] * 16, range(20, 0, -1), 19 / 20),
    ],
)
def test_recall_at_90_percent_precision(hits, margins, expected):
    assert _recall_at_precision(np.array(hits, dtype=bool), np.array(list(margins), dtype=float)) == expected


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40))
def test_recall_is_that_of_the_best_threshold(rows):
    hits, margins = np.array([hit for hit, _ in rows]), np.array([margin for _, margin in rows], dtype=float)
    by_threshold = [
        hits[claimed].sum() / len(rows)
        for threshold in range(1, 6)
        if (claimed := margins >= threshold).any() and hits[claimed].sum() >= 0.9 * claimed.sum()
    ]

    assert _recall_at_precision(hits, margins) == max(by_threshold, default=0.0)


@pytest.mark.parametrize(
    ("known", "released", "author_of"),
    [(["a"], ["a"], [0]), (AUTHORS, [], []), (AUTHORS, ["a"], [4]), (AUTHORS, ["a"], [-1]), (AUTHORS, ["a"], [0, 1])],
)
def test_impossible_inputs_are_refused(known, released, author_of):
    with pytest.raises(ValueError, match="authors|author"):
        link_by_texts(known, released, np.array(author_of, dtype=np.int64), method="words")


@pytest.mark.parametrize("method", ["words", "characters"])
def test_figures_do_not_depend_on_the_order_of_authors_and_units(method):
    rng = np.random.default_rng(3)
    words = np.array([f"word{number}" for number in range(60)])
    known = [" ".join(rng.choice(words, 12)) for _ in range(30)]
    released = [" ".join(rng.choice([*one.split(), *words[:20]], 8)) for one in known]
    authors, units = rng.permutation(30), rng.permutation(30)

    straight = link_by_texts(known, released, np.arange(30), method=method)
    shuffled = link_by_texts(
        [known[at] for at in authors], [released[at] for at in units], np.argsort(authors)[units], method=method
    )

    assert shuffled == straight
    assert 0.2 < straight.recall_at_1 < 1
