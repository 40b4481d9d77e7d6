"""Words that set clusters apart."""

import pyarrow as pa
import pytest

from persona_assets.cluster_stats.words import Word, define_words, find_words, label_from, sample_posts
from persona_assets.engine import open_duckdb
from persona_assets_tests.cluster_stats.builders import TALK, clusters_of, posts_of, shuffled, window


@pytest.fixture
def connection(tmp_path):
    with open_duckdb(memory_limit="200MB", scratch=tmp_path) as connection:
        define_words(connection)
        yield connection


def register(connection, posts, clusters):
    connection.register("english_posts", posts)
    connection.register("users", clusters.append_column("user_number", pa.array(range(len(clusters)), pa.int32())))


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
    assert connection.execute("SELECT words_of($1)", [text]).fetchone()[0] == words


def test_the_best_words_of_a_cluster_are_those_that_only_it_uses(connection):
    posts, _, clusters = window()
    register(connection, posts, clusters)

    words = find_words(connection, n_clusters=3)

    for best, talk in zip(words, TALK.values(), strict=True):
        assert {word.word for word in best} <= set(talk.split())
        assert len(best) >= 5
        assert [word.score for word in best] == sorted((word.score for word in best), reverse=True)


def test_a_word_counts_once_a_user_and_not_at_all_when_only_one_user_has_it(connection):
    posts = posts_of(["1", "2", "3", "4"], ["a", "a", "b", "b"], ["spam spam tea", "spam tea", "tea", "ham the"])
    register(connection, posts, clusters_of({"a": 0, "b": 0}))

    assert [(word.word, word.users) for word in find_words(connection, n_clusters=1)[0]] == [("tea", 2)]


def test_the_order_of_posts_changes_neither_words_nor_sample(connection):
    posts, _, clusters = window()
    found = []
    for seed in (0, 1):
        register(connection, shuffled(posts, seed), clusters)
        found.append((find_words(connection, n_clusters=3), sample_posts(connection, n_clusters=3, most=5)))

    assert found[0] == found[1]
    assert [len(sample) for sample in found[0][1]] == [5, 5, 5]


def test_a_label_is_the_best_words_each_in_one_form():
    assert label_from([Word(word, 1, 2) for word in "abcd"]) == "a · b · c"
    assert label_from([Word(word, 1, 2) for word in ("cats", "#cats", "cat", "purr", "box")]) == "cats · purr · box"
    assert label_from([]) == "no common words"
