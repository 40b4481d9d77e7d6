"""Swaps lead out of where moving centres stands still."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from persona_assets.assets.clusters.lloyd import MOST_ROUNDS, ClusterSpec, lloyd_iterations
from persona_assets.assets.clusters.swap import swap_clusters
from persona_assets_tests.assets.clusters.builders import planted, unit


def stuck_fit(vectors, groups, sizes):
    """Centres moved from where one stands between the last two groups and two in the first."""
    centres = unit([vectors[groups == group].mean(axis=0) for group in range(groups.max() + 1)])
    first = vectors[groups == 0]
    centres[0], centres[-2] = first[0], unit([centres[-2] + centres[-1]])[0]
    centres[-1] = first[1]
    return lloyd_iterations(vectors, centres, sizes, most_rounds=MOST_ROUNDS)


@pytest.fixture
def stuck():
    vectors, groups = planted([60, 50, 40, 30, 30], width=32, noise=0.1)
    sizes = ClusterSpec(5, 5)
    fit = stuck_fit(vectors, groups, sizes)
    assert adjusted_rand_score(groups, fit.labels) < 0.9
    return vectors, groups, sizes, fit


def test_two_halves_of_a_group_are_merged_and_two_groups_in_one_cluster_are_parted(stuck):
    vectors, groups, sizes, fit = stuck

    better = swap_clusters(vectors, fit, sizes, np.random.default_rng(0), swaps=3)

    assert adjusted_rand_score(groups, better.labels) == 1
    assert better.mean_similarity() > fit.mean_similarity()


def test_without_swaps_nothing_changes(stuck):
    vectors, _, sizes, fit = stuck

    assert swap_clusters(vectors, fit, sizes, np.random.default_rng(0), swaps=0) is fit


@pytest.mark.parametrize("policy", ["fill", "dissolve"])
def test_clusters_stay_large_enough_and_fits_never_get_worse(policy):
    vectors, _ = planted([25, 20, 15], width=4, noise=0.6)
    sizes = ClusterSpec(6, 7, policy)
    rng = np.random.default_rng(0)
    fit = lloyd_iterations(vectors, vectors[:6], sizes, most_rounds=MOST_ROUNDS)

    better = swap_clusters(vectors, fit, sizes, rng, swaps=10)

    assert np.bincount(better.labels).min() >= 7
    assert better.mean_similarity() >= fit.mean_similarity()


@pytest.mark.parametrize("k", [1, 2, 4])
def test_users_who_are_all_equal_and_too_few_clusters_are_left_as_they_are(k):
    vectors = unit([[1, 2, 3]] * 12)
    sizes = ClusterSpec(k, 3)
    fit = lloyd_iterations(vectors, vectors[:k], sizes, most_rounds=MOST_ROUNDS)

    swapped = swap_clusters(vectors, fit, sizes, np.random.default_rng(0), swaps=10)

    assert np.bincount(swapped.labels).tolist() == np.bincount(fit.labels).tolist()
