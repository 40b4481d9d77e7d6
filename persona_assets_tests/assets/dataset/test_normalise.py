import pytest

from persona_assets.assets.dataset.normalise import count_words, normalise_text


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
    ],
)
def test_case_punctuation_links_and_mentions_make_no_difference(text, normalised) -> None:
    assert normalise_text(text) == normalised


def test_words_are_counted_in_normalised_texts() -> None:
    assert [count_words(text) for text in ("", "one", "one two three")] == [0, 1, 3]
