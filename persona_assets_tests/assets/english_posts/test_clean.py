"""Links, mentions, hashtags and emoji are removed from texts."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from persona_assets.assets.english_posts import clean
from persona_assets.assets.english_posts.clean import clean_text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n\t ",
        "https://example.org/a-long-english-path/of-words",
        "example.org/a-long-english-path/of-words… www.example.com",
        "🙂🔥😂 ✨ 👩‍👩‍👧 🏳️‍🌈 1️⃣ ❤️",
        "@alice.bsky.social",
        "12:30 !!! 100% (42)",
    ],
)
def test_a_text_without_words_leaves_nothing(text):
    assert clean_text(text) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("look at https://example.org/x?y=z now", "look at now"),
        ("look at example.org/deep/path now", "look at now"),
        ("thanks @alice.bsky.social for #this", "thanks for"),
        ("so nice 🙂🔥 really", "so nice really"),
        ("The end.To be continued.Is it", "The end.To be continued.Is it"),
        ("良い天気 ですね☀️", "良い天気 ですね"),
        ("हिन्दी में", "हिन्दी में"),
        ("salt &amp; pepper", "salt pepper"),
        ("yesssss pleaseeee", "yes please"),
        ("lovely evening @ Café de Flore", "lovely evening"),
        ("Selamat pagi (with Ana at Jalan Sudirman)", "Selamat pagi"),
        ("#GoodMorning #happy_day 🙂", "Good Morning happy day"),
        ("\uff03月曜日", "月曜日"),
    ],
)
def test_words_are_kept_and_everything_else_is_removed(text, words):
    assert " ".join(clean_text(text).split()) == words


@given(st.text())
@example("A @\x1b")
@example("a \ufe6b \uff08at b")
def test_cleaning_again_changes_nothing(text):
    once = clean_text(text)

    assert clean_text(once).split() == once.split()


_PIECES = [
    "www.",
    "http://",
    " ",
    "\n",
    "a",
    "Ew",
    ".com",
    "foo.CO/x",
    "....",
    "1.5",
    "@",
    "(at x",
    "x" * 3,
    "é" * 3,
    "\u3000",
]


@given(st.lists(st.sampled_from(_PIECES)).map("".join))
def test_links_are_those_of_a_search_in_the_whole_text(text):
    assert clean._remove_links(text) == (clean._LINKS.sub(" ", text) if clean._MARK_OF_LINK.search(text) else text)
    assert bool(clean._MARK_OF_LINK.search(text)) >= bool(clean._LINKS.search(text))


@given(st.text(st.sampled_from("ab .é\U0001f600"), max_size=8))
def test_characters_that_repeat_thrice_are_never_missed(text):
    assert clean._may_repeat_thrice(text) >= bool(clean._STRETCHED.search(text))
