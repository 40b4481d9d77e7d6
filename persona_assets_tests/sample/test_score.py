"""The score of clusters against planted personas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.sample.score import MainPersona, score_clusters

PLANTED = {"ada": "baking", "bob": "baking", "cid": "chess", "dot": "chess", "eve": None}


def test_equal_groups_with_other_names_have_agreement_1():
    score = score_clusters({"ada": 1, "bob": 1, "cid": 0, "dot": 0}, PLANTED)

    assert score.adjusted_rand_index == 1
    assert (score.users, score.matched, score.unplanted) == (4, 4, 0)
    assert score.main_personas == {1: MainPersona("baking", 2), 0: MainPersona("chess", 2)}


def test_the_index_is_that_of_hubert_and_arabie():
    # Of 6 pairs of users, 3 share a cluster, 2 a persona, and 1 (of ada, bob and cid) both. Expected by chance: 1.
    score = score_clusters({"ada": 0, "bob": 0, "cid": 0, "dot": 1}, PLANTED)

    assert score.adjusted_rand_index == pytest.approx((1 - 1) / ((3 + 2) / 2 - 1))
    assert score.matched == 3


def test_users_without_a_planted_persona_are_counted_and_not_compared():
    score = score_clusters({"ada": 0, "bob": 0, "cid": 1, "dot": 1, "eve": 1, "stranger": 0}, PLANTED)

    assert (score.users, score.unplanted, score.adjusted_rand_index) == (4, 2, 1)


def test_a_persona_can_be_the_main_one_of_two_clusters():
    score = score_clusters({"ada": 0, "bob": 1, "cid": 2, "dot": 2}, PLANTED)

    assert [score.main_personas[cluster].persona for cluster in range(3)] == ["baking", "baking", "chess"]
    assert score.adjusted_rand_index < 1


def test_clusters_without_planted_users_are_an_error():
    with pytest.raises(ValueError, match="none of the 1 users"):
        score_clusters({"eve": 0}, PLANTED)


@given(st.permutations(sorted(PLANTED)))
def test_the_order_of_users_does_not_matter(users):
    clusters = {"ada": 0, "bob": 1, "cid": 0, "dot": 1, "eve": 0}

    assert score_clusters({user: clusters[user] for user in users}, PLANTED) == score_clusters(clusters, PLANTED)
