"""Stability: the agreement of clusterings of two halves of the users."""

import pytest

from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.stability import measure_stability
from persona_assets_tests.assets.clusters.builders import planted, unit


def test_planted_clusters_have_stability_one():
    vectors, _ = planted([60, 50, 40], width=32)

    assert measure_stability(vectors, ClusterSpec(3, 10), seed=0) == 1


def test_clusters_of_users_without_groups_have_a_low_stability():
    vectors, _ = planted([200], width=16, noise=2)

    assert measure_stability(vectors, ClusterSpec(8, 5), seed=0) < 0.5


@pytest.mark.parametrize("policy", ["fill", "dissolve"])
def test_it_is_a_number_for_equal_vectors_and_for_the_maximum_number_of_clusters(policy):
    assert 0 <= measure_stability(unit([[1, 2]] * 20), ClusterSpec(2, 10, policy), seed=0) <= 1
    assert -1 <= measure_stability(planted([20])[0], ClusterSpec(10, 2, policy), seed=0) <= 1


@pytest.mark.parametrize(("users", "clusters"), [(438, 250), (2, 2), (3, 3), (5, 3)])
def test_it_is_none_if_half_of_the_users_are_fewer_than_the_clusters(users, clusters):
    assert measure_stability(planted([users])[0], ClusterSpec(clusters, 1), seed=0) is None


def test_it_is_measured_if_half_of_the_users_are_as_many_as_the_clusters():
    assert measure_stability(planted([6])[0], ClusterSpec(3, 1), seed=0) is not None
