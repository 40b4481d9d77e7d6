"""Halves of an author's texts are matched as units, whatever the pseudonyms."""

import numpy as np
import pytest

from persona_assets.privacy.halves import choose_known_texts, link_halves

# Three authors with words of their own, four texts each.
TEXTS = [f"{word} {word}s {number}x" for word in ("cat", "ship", "wine") for number in range(4)]
AUTHORS = np.repeat(np.arange(3), 4)


def test_of_each_author_half_of_the_texts_rounded_down_is_known():
    authors = np.array([0, 1, 0, 1, 0, 2, 2, 2, 2, 2])

    known = choose_known_texts(authors, np.random.default_rng(1))

    assert np.bincount(authors[known]).tolist() == [1, 1, 2]
    assert (known == choose_known_texts(authors, np.random.default_rng(1))).all()


@pytest.mark.parametrize(("units", "n_units"), [(AUTHORS.tolist(), 3), (list(range(12)), 6)])
def test_authors_with_words_of_their_own_are_found_under_any_pseudonym(units, n_units):
    known = choose_known_texts(AUTHORS, np.random.default_rng(0))

    found = link_halves(TEXTS, AUTHORS, units, known)

    assert set(found) == {"words", "characters"}
    assert found["words"] == (n_units, 3, 1.0, 1.0)


def test_vectors_are_averaged_over_halves():
    vectors = np.eye(3)[AUTHORS]
    known = choose_known_texts(AUTHORS, np.random.default_rng(0))

    assert link_halves(TEXTS, AUTHORS, AUTHORS.tolist(), known, vectors=vectors)["vectors"] == (3, 3, 1.0, 1.0)
    shuffled = np.roll(np.eye(3), 1, axis=0)[AUTHORS]
    mixed = np.where(known[:, None], vectors, shuffled)
    assert link_halves(TEXTS, AUTHORS, AUTHORS.tolist(), known, vectors=mixed)["vectors"].recall_at_1 == 0


def test_nothing_released_is_an_error():
    with pytest.raises(ValueError, match="units"):
        link_halves(TEXTS, AUTHORS, list(range(12)), np.ones(12, bool))
