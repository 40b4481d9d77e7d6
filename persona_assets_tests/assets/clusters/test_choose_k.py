"""The number of clusters is chosen by silhouette and stability."""

import pytest

from persona_assets.assets.clusters import choose_k
from persona_assets.assets.clusters.choose_k import choose_n_clusters, list_numbers_to_try
from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.errors import TooFewUsersError
from persona_assets_tests.assets.clusters.builders import planted, unit


@pytest.mark.parametrize("groups", [2, 7, 12])
def test_the_planted_number_is_found(groups):
    vectors, _ = planted([25] * groups, width=48)

    choice = choose_n_clusters(vectors, ClusterSpec(2, 10), seed=0)

    assert choice.n_clusters == groups
    assert [candidate.n_clusters for candidate in choice.numbers_tried] == list_numbers_to_try(25 * groups // 10)


def test_stability_is_only_measured_near_the_highest_silhouette():
    vectors, _ = planted([25] * 7, width=48)

    choice = choose_n_clusters(vectors, ClusterSpec(2, 10), seed=0)

    highest = max(candidate.silhouette for candidate in choice.numbers_tried)
    for candidate in choice.numbers_tried:
        assert (candidate.stability is not None) == (candidate.silhouette >= 0.9 * highest)


def test_the_search_uses_a_sample_of_many_users(monkeypatch):
    monkeypatch.setattr(choose_k, "MAX_USERS", 200)
    vectors, _ = planted([100] * 6, width=48)

    choice = choose_n_clusters(vectors, ClusterSpec(2, 10), seed=0)

    assert choice.n_clusters == 6
    assert choice.numbers_tried[-1].n_clusters == 20


def test_the_smallest_of_equally_good_numbers_is_chosen():
    vectors = unit([[1, 0]] * 40)

    assert choose_n_clusters(vectors, ClusterSpec(2, 10), seed=0).n_clusters == 2


def test_the_numbers_tried_include_the_published_ones_and_end_at_the_maximum():
    assert {2, 25, 100, 1000} <= set(list_numbers_to_try(5000))
    assert list_numbers_to_try(26) == [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25]
    assert list_numbers_to_try(3) == [2, 3]


def test_too_few_users_for_two_clusters_are_an_error():
    with pytest.raises(TooFewUsersError, match="2 clusters of at least 10 users"):
        choose_n_clusters(unit([[1, 0]] * 19), ClusterSpec(2, 10), seed=0)
