"""Spherical k-means: finds planted groups, numbers clusters by size, and does not depend on threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from persona_assets.assets.clusters import fit
from persona_assets.assets.clusters.fit import kmeans_plusplus, require_enough_users
from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.errors import TooFewUsersError
from persona_assets_tests.assets.clusters.builders import planted, unit


def test_planted_groups_are_found():
    vectors, groups = planted([50, 40, 30, 20], width=32)

    found = fit_clusters(vectors, ClusterSpec(4, 10), seed=0)

    assert adjusted_rand_score(groups, found.labels) == 1


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 8))
def test_every_user_is_in_one_cluster_and_every_cluster_is_large_enough_and_numbered_by_size(seed, k, min_size):
    vectors, _ = planted([k * min_size, 7], width=4, noise=0.5, seed=seed)

    found = fit_clusters(vectors, ClusterSpec(k, min_size), seed=seed, n_init=2)

    sizes = np.bincount(found.labels, minlength=k)
    assert len(found.labels) == len(vectors)
    assert len(sizes) == k
    assert sizes.min() >= min_size
    assert (np.diff(sizes) <= 0).all()
    np.testing.assert_allclose(np.linalg.norm(found.centres, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found.similarity, (vectors * found.centres[found.labels]).sum(axis=1), atol=1e-5)


@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(1, 8))
def test_dissolving_leaves_clusters_of_the_minimum_size_and_possibly_fewer(seed, min_size):
    vectors, _ = planted([5 * min_size, 7], width=4, noise=0.5, seed=seed)

    found = fit_clusters(vectors, ClusterSpec(5, min_size, "dissolve"), seed=seed, n_init=2)

    sizes = np.bincount(found.labels)
    assert 1 <= len(sizes) == len(found.centres) <= 5
    assert sizes.min() >= min_size
    assert sizes.sum() == len(vectors)


def test_many_users_are_fitted_from_a_sample(monkeypatch):
    monkeypatch.setattr(fit, "SAMPLE_USERS", 100)
    monkeypatch.setattr(fit, "SAMPLE_USERS_PER_CLUSTER", 1)
    vectors, groups = planted([300, 200, 100], width=32)

    found = fit_clusters(vectors, ClusterSpec(3, 10), seed=0)

    assert adjusted_rand_score(groups, found.labels) == 1
    assert len(found.labels) == 600


def test_initial_centres_are_users_far_apart():
    vectors, groups = planted([50] * 8, width=64, noise=0.1)

    centres = kmeans_plusplus(vectors, 8, np.random.default_rng(0))

    drawn = [int((vectors @ centre).argmax()) for centre in centres]
    assert sorted(groups[drawn]) == list(range(8))


def test_clusters_of_equal_size_are_numbered_by_their_first_user():
    vectors = unit([[0, 1], [1, 0], [0, 1], [1, 0]])

    assert fit_clusters(vectors, ClusterSpec(2, 1), seed=0).labels.tolist() == [0, 1, 0, 1]


def test_the_fit_is_the_same_bit_for_bit_with_any_number_of_threads():
    vectors, _ = planted([700] * 15, width=64, noise=0.6)

    fits = []
    for threads in (1, 2, 5):
        with threadpool_limits(limits=threads):
            fits.append(fit_clusters(vectors, ClusterSpec(15, 10), seed=1, n_init=2))

    for found in fits[1:]:
        assert [part.tobytes() for part in found] == [part.tobytes() for part in fits[0]]


def test_another_seed_gives_another_fit():
    vectors, _ = planted([60], width=16, noise=1)

    one, other = (fit_clusters(vectors, ClusterSpec(6, 2), seed=seed, n_init=1) for seed in (0, 1))

    assert not np.array_equal(one.labels, other.labels)


@pytest.mark.parametrize("k", [1, 3])
def test_users_with_equal_vectors_are_clustered(k):
    found = fit_clusters(unit([[1, 2, 3]] * 9), ClusterSpec(k, 3), seed=0)

    assert np.bincount(found.labels).min() >= 3
    np.testing.assert_allclose(found.similarity, 1, atol=1e-6)


def test_one_user_makes_one_cluster():
    found = fit_clusters(unit([[1, 2]]), ClusterSpec(1, 1), seed=0)

    assert found.labels.tolist() == [0]


def test_too_few_users_are_an_error_that_says_what_is_possible():
    with pytest.raises(TooFewUsersError, match="PERSONA_N_CLUSTERS to at most 3, or .*PERSONA_MIN_CLUSTER_SIZE"):
        require_enough_users(39, ClusterSpec(10, 10))
    with pytest.raises(TooFewUsersError, match="the window has 0: lower"):
        require_enough_users(0, ClusterSpec(1, 10))
    with pytest.raises(TooFewUsersError, match="unset PERSONA_AUTO_CLUSTER and set PERSONA_N_CLUSTERS to at most 1"):
        require_enough_users(19, ClusterSpec(2, 10))
    require_enough_users(100, ClusterSpec(10, 10))
