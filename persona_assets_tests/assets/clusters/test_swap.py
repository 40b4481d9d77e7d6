"""Swaps lead out of local optima of Lloyd iterations."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from persona_assets.assets.clusters.lloyd import MAX_ITERATIONS, ClusterSpec, lloyd_iterations
from persona_assets.assets.clusters.swap import improve_by_swaps
from persona_assets_tests.assets.clusters.builders import planted, unit


def stuck_fit(vectors, groups, spec):
    """A fit in a local optimum: two centres in the first group, and one between the last two groups."""
    centres = unit([vectors[groups == group].mean(axis=0) for group in range(groups.max() + 1)])
    first = vectors[groups == 0]
    centres[0], centres[-2] = first[0], unit([centres[-2] + centres[-1]])[0]
    centres[-1] = first[1]
    return lloyd_iterations(vectors, centres, spec, max_iterations=MAX_ITERATIONS)


@pytest.fixture
def stuck():
    vectors, groups = planted([60, 50, 40, 30, 30], width=32, noise=0.1)
    spec = ClusterSpec(5, 5)
    fit = stuck_fit(vectors, groups, spec)
    assert adjusted_rand_score(groups, fit.labels) < 0.9
    return vectors, groups, spec, fit


def test_two_halves_of_a_group_are_merged_and_two_groups_in_one_cluster_are_separated(stuck):
    vectors, groups, spec, fit = stuck

    better = improve_by_swaps(vectors, fit, spec, np.random.default_rng(0), n_swaps=3)

    assert adjusted_rand_score(groups, better.labels) == 1
    assert better.mean_similarity() > fit.mean_similarity()


def test_without_swaps_the_fit_is_returned_as_it_is(stuck):
    vectors, _, spec, fit = stuck

    assert improve_by_swaps(vectors, fit, spec, np.random.default_rng(0), n_swaps=0) is fit


@pytest.mark.parametrize("policy", ["fill", "dissolve"])
def test_clusters_keep_the_minimum_size_and_the_fit_never_gets_worse(policy):
    vectors, _ = planted([25, 20, 15], width=4, noise=0.6)
    spec = ClusterSpec(6, 7, policy)
    rng = np.random.default_rng(0)
    fit = lloyd_iterations(vectors, vectors[:6], spec, max_iterations=MAX_ITERATIONS)

    better = improve_by_swaps(vectors, fit, spec, rng, n_swaps=10)

    assert np.bincount(better.labels).min() >= 7
    assert better.mean_similarity() >= fit.mean_similarity()


@pytest.mark.parametrize("k", [1, 2, 4])
def test_a_fit_of_equal_vectors_or_of_too_few_clusters_does_not_change(k):
    vectors = unit([[1, 2, 3]] * 12)
    spec = ClusterSpec(k, 3)
    fit = lloyd_iterations(vectors, vectors[:k], spec, max_iterations=MAX_ITERATIONS)

    swapped = improve_by_swaps(vectors, fit, spec, np.random.default_rng(0), n_swaps=10)

    assert np.bincount(swapped.labels).tolist() == np.bincount(fit.labels).tolist()
