"""No text is passed over in which a finder would find something."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.personal_data.detection import find_personal_data_by_patterns
from persona_assets.personal_data.hints import may_hold_personal_data
from persona_assets.personal_data.streets import SUFFIXES
from persona_assets_tests.personal_data.test_detection import PIECES
from persona_assets_tests.scored_posts import read_posts

POSTS = [post.text for name in ("posts_own.jsonl", "posts_other.jsonl") for post in read_posts(name)]
# Where Python's expressions and those of Arrow differ: digits, letters and spaces beyond ASCII, and the letters that
# only Python takes for an i, s or k.
WIDE = ["\u0661", "\uff11", "\u0130", "\u0131", "\u017f", "\u212a", "\u00df", "\u2019", "\u00a0", "\x00", "\n", "\r"]
FORMS = [
    "p.bell at fastmail.de", "me AT host dot com", "in\u017fta: a_1", "\u0130G=a.b", "insta \n:a_1", "snap: wren_07",
    "SW1A 1AA", "SW1A \n1AA", "12 \u0130vy Street", "7 High ST. ", "3 old mill lane", "9 Broadway", "4bis rue de Lyon",
    "PO Box 12", "P.O.Box 1", "Am Markt 4, 80331 M\u00fcnchen", "Hauptstra\u00dfe 5", "Postfach 12 34,", "Via Roma 3",
    "Viale Roma, 3", "Reno, NV 89501", "1::2", "::1", "fe80::1", "1.2.3.4", "212 555 0198", "078-05-1120",
    "ssn is 078051120", "u/maker_7", "/u/abc", "word.de", "\u0661\u0662 Oak Road", "\uff11\uff12 High Street",
]  # fmt: skip


def find_missed(texts: list[str]) -> list[str]:
    may_hold = may_hold_personal_data(texts)
    return [text for text, may in zip(texts, may_hold, strict=True) if not may and find_personal_data_by_patterns(text)]


def test_posts_with_personal_data_are_searched_and_most_of_the_others_are_not() -> None:
    harmless = [text for text in POSTS if not find_personal_data_by_patterns(text)]

    assert find_missed(POSTS) == []
    assert may_hold_personal_data(harmless).mean() < 0.4


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.sampled_from([*PIECES, *FORMS, *WIDE, " ", ", "]), max_size=6).map("".join), min_size=20))
def test_a_text_that_is_not_searched_holds_nothing(texts) -> None:
    assert find_missed(texts) == []


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(POSTS), st.lists(st.tuples(st.integers(0, 400), st.sampled_from(WIDE)), max_size=3))
def test_posts_with_foreign_characters_in_them_are_not_passed_over(text, changes) -> None:
    for place, character in changes:
        text = text[: place % (len(text) + 1)] + character + text[place % (len(text) + 1) + 1 :]

    assert find_missed([text, text.upper(), text.lower()]) == []


@pytest.mark.parametrize("suffix", SUFFIXES.split("|"))
def test_streets_with_any_ending_are_searched(suffix) -> None:
    texts = [f"at 12 Elm {suffix}", f"at 12 ELM {suffix.upper()} now", f"at 12 elm {suffix.lower()}, ok"]

    assert find_missed(texts) == []
    assert may_hold_personal_data(texts[:2]).all()


def test_broken_unicode_is_searched() -> None:
    assert may_hold_personal_data(["nothing", "\ud800"]).tolist() == [True, True]
    assert may_hold_personal_data(["nothing", ""]).tolist() == [False, False]
    assert may_hold_personal_data([]).tolist() == []
