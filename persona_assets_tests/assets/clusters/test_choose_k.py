"""The number of clusters, chosen."""

import pytest

from persona_assets.assets.clusters import choose_k
from persona_assets.assets.clusters.choose_k import choose_n_clusters, ladder
from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.errors import TooFewUsersError
from persona_assets_tests.assets.clusters.builders import planted, unit


@pytest.mark.parametrize("groups", [2, 7, 12])
def test_the_planted_number_is_found(groups):
    vectors, _ = planted([25] * groups, width=48)

    choice = choose_n_clusters(vectors, ClusterSpec(2, 10), seed=0)

    assert choice.n_clusters == groups
    assert [candidate.n_clusters for candidate in choice.curve] == ladder(25 * groups // 10)


def test_stability_is_measured_at_the_top_of_the_curve_only():
    vectors, _ = planted([25] * 7, width=48)

    choice = choose_n_clusters(vectors, ClusterSpec(2, 10), seed=0)

    greatest = max(candidate.silhouette for candidate in choice.curve)
    for candidate in choice.curve:
        assert (candidate.stability is not None) == (candidate.silhouette >= 0.9 * greatest)


def test_many_users_are_searched_by_a_sample(monkeypatch):
    monkeypatch.setattr(choose_k, "SEARCHED_USERS", 200)
    vectors, _ = planted([100] * 6, width=48)

    choice = choose_n_clusters(vectors, ClusterSpec(2, 10), seed=0)

    assert choice.n_clusters == 6
    assert choice.curve[-1].n_clusters == 20


def test_of_equals_the_smallest_number_wins():
    vectors = unit([[1, 0]] * 40)

    assert choose_n_clusters(vectors, ClusterSpec(2, 10), seed=0).n_clusters == 2


def test_the_ladder_has_the_published_numbers_and_ends_at_what_the_users_allow():
    assert {2, 25, 100, 1000} <= set(ladder(5000))
    assert ladder(26) == [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25]
    assert ladder(3) == [2, 3]


def test_users_for_less_than_two_clusters_are_refused():
    with pytest.raises(TooFewUsersError, match="2 clusters of at least 10 users"):
        choose_n_clusters(unit([[1, 0]] * 19), ClusterSpec(2, 10), seed=0)
