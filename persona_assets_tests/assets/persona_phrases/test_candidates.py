"""Phrases of clusters: how many words they have, and whose words count."""

import pyarrow as pa
import pytest

from persona_assets.assets.persona_phrases.candidates import find_candidate_phrases
from persona_assets.common.database import open_duckdb
from persona_assets_tests.assets.cluster_stats.builders import clusters_of, posts_of, shuffled, window
from persona_assets_tests.assets.cluster_stats.test_distinctive_words import load


@pytest.fixture
def connection(tmp_path):
    with open_duckdb(memory_limit="200MB", scratch=tmp_path) as connection:
        yield connection


def find(connection, texts_by_user, clusters=None):
    """The phrases of each cluster; all users are in one unless `clusters` says otherwise."""
    rows = [(user, text) for user, texts in texts_by_user.items() for text in texts]
    users, texts = (list(column) for column in zip(*rows, strict=True))
    posts = posts_of([f"{number}" for number in range(len(rows))], users, texts)
    members = clusters or dict.fromkeys(texts_by_user, 0)
    load(connection, posts, clusters_of(members))
    found = find_candidate_phrases(connection, n_clusters=max(members.values()) + 1)
    return [{candidate.phrase: candidate.users for candidate in of_cluster} for of_cluster in found]


def test_phrases_have_one_to_three_words_and_begin_and_end_with_words_that_say_something(connection):
    (found,) = find(connection, {"ann": ["the cost of living is rising"], "bob": ["cost of living"]})

    assert found == {"cost": 2, "living": 2, "cost of living": 2}


def test_a_phrase_counts_once_a_user_and_only_where_two_users_wrote_it(connection):
    (found,) = find(
        connection, {"ann": ["stone bridge", "stone bridge"], "bob": ["stone bridge", "steel rope steel rope"]}
    )

    assert found == {"stone": 2, "bridge": 2, "stone bridge": 2}


def test_words_that_stand_between_are_few(connection):
    (found,) = find(connection, {"ann": ["paint the wall"], "bob": ["paint the wall"]})

    assert found == {"paint": 2, "wall": 2}


def test_a_word_is_in_a_phrase_once(connection):
    (found,) = find(connection, {"ann": ["tea tea tea"], "bob": ["tea tea tea"]})

    assert found == {"tea": 2}


def test_the_best_phrase_of_each_number_of_words_has_score_one_and_the_others_less(connection):
    posts, _, clusters = window()
    load(connection, posts, clusters)

    for of_cluster in find_candidate_phrases(connection, n_clusters=3):
        best = {}
        for candidate in of_cluster:
            best.setdefault(len(candidate.phrase.split()), []).append(candidate.score)
        assert all(
            scores[0] == 1 and scores == sorted(scores, reverse=True) and scores[-1] > 0 for scores in best.values()
        )


def test_the_order_of_posts_changes_nothing(tmp_path):
    posts, _, clusters = window()
    found = []
    for seed in (0, 1):
        with open_duckdb(memory_limit="200MB", scratch=tmp_path) as connection:
            load(connection, shuffled(posts, seed), clusters)
            found.append(find_candidate_phrases(connection, n_clusters=3))

    assert found[0] == found[1]


def test_a_cluster_whose_users_share_no_words_has_no_phrases(connection):
    found = find(connection, {"ann": ["tea"], "bob": ["coffee"], "cid": ["tea"]}, {"ann": 0, "bob": 1, "cid": 0})

    assert found == [{"tea": 2}, {}]


def test_posts_longer_than_posts_can_be_are_bounded(connection):
    long = " ".join(f"word{number}" for number in range(2_000))
    (found,) = find(connection, {"ann": [long], "bob": [long]})

    assert len(found) == 36


def test_phrases_of_a_post_without_words_are_none(connection):
    load(connection, posts_of(["1", "2"], ["a", "b"], ["\U0001f600", "the"]), clusters_of({"a": 0, "b": 0}))

    assert find_candidate_phrases(connection, n_clusters=1) == [[]]
    assert pa.__version__
