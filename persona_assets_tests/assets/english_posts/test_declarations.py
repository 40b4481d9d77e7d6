"""What the declared languages of posts say about a language."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.english_posts.declarations import (
    DECLARATION_LOG_ODDS,
    build_declaration_reader,
    extract_primary_subtag,
)

LANGS = st.none() | st.lists(st.sampled_from(["en", "EN-us", "de", "", "\0", "a\0b", "en\0de"]), max_size=3)


def read(rows, language="en"):
    log_odds, is_declared = build_declaration_reader(language)(pa.array(rows, pa.list_(pa.string())))
    return [*zip(log_odds.tolist(), is_declared.tolist(), strict=True)]


def test_only_a_declaration_that_names_the_language_alone_or_not_at_all_has_weight():
    rows = [["en"], ["en-US", "EN"], ["de"], [""], ["en", "de"], [], None]

    assert read(rows) == [
        (DECLARATION_LOG_ODDS, True),
        (DECLARATION_LOG_ODDS, True),
        (-DECLARATION_LOG_ODDS, False),
        (-DECLARATION_LOG_ODDS, False),
        (0.0, True),
        (0.0, False),
        (0.0, False),
    ]


@given(st.lists(LANGS))
def test_a_declaration_says_the_same_whatever_other_posts_declare(rows):
    assert read(rows) == [read([langs])[0] for langs in rows]
    assert read(rows[1:]) == read(rows)[1:]


@pytest.mark.parametrize("tag", ["en", "en-US", "EN", "en_GB", " en ", "en-Latn-US"])
def test_a_declared_language_is_its_first_subtag_in_any_case(tag):
    assert extract_primary_subtag(tag) == "en"


@pytest.mark.parametrize(("old", "new"), [("iw", "he"), ("nb-NO", "no"), ("fil", "tl")])
def test_codes_that_mean_the_same_are_one(old, new):
    assert extract_primary_subtag(old) == extract_primary_subtag(new)
