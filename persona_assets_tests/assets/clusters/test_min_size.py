"""Small clusters are filled at the minimum loss, or dissolved."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from persona_assets.assets.clusters.min_size import _cheapest_path, dissolve_small_clusters, fill_small_clusters
from persona_assets.post_vectors.assign import assign_nearest
from persona_assets_tests.assets.clusters.builders import unit


def total_similarity(vectors, centres, labels):
    return float((vectors.astype(np.float64) * centres[labels]).sum())


def maximum_similarity(vectors, centres, min_size):
    """The maximum total similarity, by optimal assignment of users to seats.

    Each cluster has `min_size` reserved seats. Every other user has a free seat at its nearest centre.
    """
    cosines = vectors.astype(np.float64) @ centres.T
    reserved = np.repeat(cosines, min_size, axis=1)
    free = np.repeat(cosines.max(axis=1, keepdims=True), len(vectors) - reserved.shape[1], axis=1)
    seats = np.hstack([reserved, free])
    return seats[linear_sum_assignment(seats, maximize=True)].sum()


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 6), st.integers(0, 20))
def test_every_cluster_has_the_minimum_size_at_the_minimum_loss(seed, k, min_size, more):
    rng = np.random.default_rng(seed)
    vectors = unit(np.add(rng.normal(size=(k * min_size + more, 3)), [2, 0, 0]))
    centres = unit(rng.normal(size=(k, 3)))
    nearest = assign_nearest(vectors, centres).labels

    labels = fill_small_clusters(vectors, centres, nearest, min_cluster_size=min_size)

    assert np.bincount(labels, minlength=k).min() >= min_size
    best = maximum_similarity(vectors, centres, min_size)
    assert total_similarity(vectors, centres, labels) >= best - 1e-4


def test_clusters_of_the_minimum_size_do_not_change():
    vectors = unit([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    labels = np.array([0, 0, 1, 1], np.int32)

    filled = fill_small_clusters(vectors, unit([[1, 0], [0, 1]]), labels, min_cluster_size=2)

    assert filled.tolist() == [0, 0, 1, 1]


def test_a_path_over_a_third_cluster_is_used_if_it_loses_less_than_a_direct_move():
    # Cluster 2 lacks one user. Moving the user between 1 and 2, and another from 0 to 1, is cheapest.
    centres = unit([[1, 0], [1, 1], [0, 1]])
    vectors = unit([[1, 0], [1, 0.05], [1, 0.4], [1, 2.3], [0, 1]])
    labels = np.array([0, 0, 0, 1, 2], np.int32)

    filled = fill_small_clusters(vectors, centres, labels, min_cluster_size=1)
    assert filled.tolist() == labels.tolist()

    filled = fill_small_clusters(vectors[:4], centres, labels[:4], min_cluster_size=1)
    assert filled.tolist() == [0, 0, 1, 2]


def test_users_with_equal_vectors_are_spread_over_the_clusters():
    vectors = unit([[1, 0]] * 12)
    centres = unit([[1, 0]] * 4)

    labels = fill_small_clusters(vectors, centres, np.zeros(12, np.int32), min_cluster_size=3)

    assert np.bincount(labels).tolist() == [3, 3, 3, 3]


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 6), st.integers(0, 20), st.integers(1, 8))
def test_the_loss_is_the_minimum_if_many_users_have_equal_vectors(seed, k, min_size, more, distinct):
    rng = np.random.default_rng(seed)
    vectors = unit(np.add(rng.normal(size=(distinct, 3)), [2, 0, 0]))[rng.integers(0, distinct, k * min_size + more)]
    centres = unit(rng.normal(size=(k, 3)))
    nearest = assign_nearest(vectors, centres).labels

    labels = fill_small_clusters(vectors, centres, nearest, min_cluster_size=min_size)

    assert np.bincount(labels, minlength=k).min() >= min_size
    best = maximum_similarity(vectors, centres, min_size)
    assert total_similarity(vectors, centres, labels) >= best - 1e-4


def test_thousands_of_users_with_equal_vectors_move_together(monkeypatch):
    rng, searches = np.random.default_rng(5), []
    vectors = unit(np.add(rng.normal(size=(4000, 8)), 1))
    vectors[rng.permutation(4000)[:3900]] = vectors[0]
    centres = unit(rng.normal(size=(10, 8)))
    labels = assign_nearest(vectors, centres).labels

    def find_path(*given, **options):
        searches.append(given)
        return _cheapest_path(*given, **options)

    monkeypatch.setattr("persona_assets.assets.clusters.min_size._cheapest_path", find_path)
    filled = fill_small_clusters(vectors, centres, labels, min_cluster_size=390)

    assert np.bincount(filled, minlength=10).min() >= 390
    assert np.count_nonzero(filled != labels) > 2500
    assert len(searches) < 200


def test_many_moves_from_one_large_cluster_have_the_minimum_loss():
    rng = np.random.default_rng(5)
    vectors = unit(np.add(rng.normal(size=(400, 3)), [4, 0, 0]))
    centres = unit(rng.normal(size=(20, 3)) + np.eye(1, 3))

    labels = fill_small_clusters(vectors, centres, assign_nearest(vectors, centres).labels, min_cluster_size=15)

    assert np.bincount(labels).min() >= 15
    assert total_similarity(vectors, centres, labels) >= maximum_similarity(vectors, centres, 15) - 1e-4


def test_users_of_a_dissolved_cluster_join_the_nearest_centre_left():
    centres = unit([[1, 0], [1, 0.3], [0, 1]])
    vectors = unit([[1, 0], [1, 0], [1, 0.3], [0, 1], [0, 1]])
    labels = np.array([0, 0, 1, 2, 2], np.int32)

    left, found = dissolve_small_clusters(vectors, centres, labels, min_cluster_size=2)

    assert left.tolist() == centres[[0, 2]].tolist()
    assert found.tolist() == [0, 0, 0, 1, 1]


def test_dissolving_leaves_at_least_one_cluster():
    vectors = unit([[1, 0], [0, 1]])

    left, found = dissolve_small_clusters(vectors, vectors, np.array([0, 1], np.int32), min_cluster_size=9)

    assert len(left) == 1
    assert found.tolist() == [0, 0]
