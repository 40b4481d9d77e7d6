"""The words of posts: what counts as one, and which say nothing."""

import pyarrow as pa
import pytest

from persona_assets.common.database import open_duckdb
from persona_assets.post_words.stop_words import STOP_WORDS
from persona_assets.post_words.words import LETTERS_OF_A_TEXT, LETTERS_OF_A_WORD, open_word_tables
from persona_assets_tests.assets.cluster_stats.builders import clusters_of, dataset, posts_of
from persona_assets_tests.assets.cluster_stats.test_distinctive_words import load, talk_german
from persona_assets_tests.consent.builders import left_out


@pytest.fixture
def connection(tmp_path):
    with open_duckdb(memory_limit="200MB", scratch=tmp_path) as connection:
        yield connection


def words_of(connection, *texts):
    """The words of texts, each a post, in the order in which posts are drawn."""
    uris = [f"{number}" for number in range(len(texts))]
    load(connection, posts_of(uris, ["a"] * len(texts), list(texts)), clusters_of({"a": 0}))
    return dict(connection.execute("SELECT uri, words FROM posts").fetchall())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't STOP believing", ["do", "stop", "believing"]),
        ("NASA\u2019s launch", ["nasa", "launch"]),
        ("see https://a.org/b?c=d now", ["see", "now"]),
        ("read example.com/some-pag... today", ["read", "today"]),
        ("by @alice.bsky.social and @bob", ["by", "and"]),
        ("#ClimateChange in 2025, 3 years", ["#climatechange", "in", "years"]),
        ("covid19 a b", ["covid19"]),
        ("Über café", ["über", "café"]),
        ("end.Next sentence", ["end", "next", "sentence"]),
        ("\U0001f600 ...", []),
    ],
)
def test_words_are_lower_case_without_links_mentions_and_numbers_and_with_hashtags(connection, text, words):
    assert words_of(connection, text) == {"0": words}


def test_words_longer_than_any_hashtag_are_left_out_and_of_a_long_text_its_beginning_is_looked_at(connection):
    longest = "x" * LETTERS_OF_A_WORD
    found = words_of(connection, f"{longest} {longest}x tea", "ab " * LETTERS_OF_A_TEXT)

    assert found["0"] == [longest, "tea"]
    assert len(found["1"]) == LETTERS_OF_A_TEXT / 3


def test_of_a_post_that_changed_between_two_deliveries_the_words_are_those_of_the_first(connection):
    later, first = (posts_of(["1"], ["a"], [text]) for text in ("coffee", "tea"))
    later = later.set_column(4, later.schema.field("event_time_us"), [[9]])
    load(connection, pa.concat_tables([later, first]), clusters_of({"a": 0}), repeated=["1"])

    assert connection.execute("SELECT words FROM posts").fetchall() == [(["tea"],)]


def test_english_has_stop_words_of_its_own_whatever_the_posts_say(connection):
    assert load(connection, *talk_german(), language="en") == STOP_WORDS


def test_words_of_users_and_posts_that_are_left_out_do_not_count(tmp_path):
    posts = posts_of(["1", "2", "3"], ["a", "a", "b"], ["tomato", "deleted", "refused"])
    users = clusters_of({"a": 0, "b": 1}).select(["user_id", "cluster_id"])

    with open_word_tables(
        users,
        dataset(posts),
        left_out=left_out({"b": "refuses inference"}, ["2"]),
        language="en",
        n_clusters=2,
        memory_limit="200MB",
        scratch=tmp_path,
    ) as (connection, _):
        assert connection.execute("SELECT words FROM posts").fetchall() == [(["tomato"],)]
