"""The lists of common words."""

from persona_assets.assets.english_posts.clean import clean_text
from persona_assets.assets.english_posts.common_words import COMMON_WORDS


def test_words_are_written_as_in_cleaned_lower_case_text():
    for words in COMMON_WORDS.values():
        listed = words.split()
        assert listed == [clean_text(word).lower() for word in listed]
        assert len(set(listed)) == len(listed)


def test_no_language_is_in_two_lists():
    languages = " ".join(COMMON_WORDS).split()

    assert len(set(languages)) == len(languages)
