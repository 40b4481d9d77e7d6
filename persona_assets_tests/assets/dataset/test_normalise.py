import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.dataset.normalise import count_words, normalise_texts


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("Good   MORNING,\nworld!", "good morning world"),
        ("see https://example.org/a?b=c now", "see now"),
        ("@ann.example.org thanks @Bob", "thanks"),
        ("\uff26ull width \ufb01ne", "full width fine"),
        ("snake_case it's", "snake case it s"),
        ("...", ""),
        ("", ""),
        ("Straße", "strasse"),
        ("one\x1etwo https://a.org\x1ethree", "one two three"),
    ],
)
def test_case_punctuation_links_and_mentions_make_no_difference(text, normalised) -> None:
    assert normalise_texts([text]) == [normalised]


def normalise_one(text: str) -> str:
    """Return the normalised text, by itself and by expressions alone."""
    text = re.sub(r"https?://\S+|www\.\S+|@[\w.\-]+", " ", unicodedata.normalize("NFKC", text))
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


PIECES = st.sampled_from(["https://a.b/c", "www.x", "@me", "\x1e", "\n", "_", "-", "é", "ΑΣ", "ﬁ", "\u0301", "\ud800"])


@given(st.lists(st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=6).map("".join), max_size=6))
def test_a_text_is_normalised_as_it_is_by_itself_whatever_is_beside_it(texts) -> None:
    assert normalise_texts(texts) == [normalise_one(text) for text in texts]


def test_many_texts_are_normalised_in_their_order() -> None:
    texts = [f"Number {number}!" for number in range(5000)]

    assert normalise_texts(texts) == [f"number {number}" for number in range(5000)]


def test_words_are_counted_in_normalised_texts() -> None:
    assert [count_words(text) for text in ("", "one", "one two three")] == [0, 1, 3]
