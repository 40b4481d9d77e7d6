"""The contract that every clustering method in `CLUSTERING_METHODS` fulfils."""

from typing import get_args

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from persona_assets.assets.clusters import methods
from persona_assets.assets.clusters.choose_k import choose_n_clusters
from persona_assets.assets.clusters.hierarchy import fit_hierarchy
from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import CLUSTERING_METHODS, fit_clusters, fit_from_labels
from persona_assets.assets.clusters.stability import measure_stability
from persona_assets.errors import TooFewUsersError
from persona_assets.settings import ClusteringMethod
from persona_assets_tests.assets.clusters.builders import planted

METHODS = pytest.mark.parametrize("method", CLUSTERING_METHODS)


def test_the_setting_accepts_the_name_of_each_method():
    assert get_args(ClusteringMethod) == tuple(CLUSTERING_METHODS)


@METHODS
def test_every_method_finds_planted_groups_and_numbers_them_by_size(method):
    vectors, groups = planted([50, 40, 30, 20], width=32)

    found = fit_clusters(vectors, ClusterSpec(4, 10, method=method), seed=0)

    assert adjusted_rand_score(groups, found.labels) == 1
    assert np.bincount(found.labels).tolist() == [50, 40, 30, 20]


@METHODS
@pytest.mark.parametrize("policy", ["fill", "dissolve"])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_every_method_returns_a_valid_fit_that_a_second_call_repeats(method, policy, k):
    vectors, _ = planted([40, 7, 3], width=8, noise=0.5)
    spec = ClusterSpec(k, 9, policy, method)

    found, again = (fit_clusters(vectors, spec, seed=1) for _ in range(2))

    sizes = np.bincount(found.labels)
    assert sizes.min() >= 9
    assert len(sizes) == len(found.centres)
    assert len(sizes) == k if policy == "fill" else 1 <= len(sizes) <= k
    assert (np.diff(sizes) <= 0).all()
    assert found.labels.dtype == np.int32
    assert found.labels.tobytes() == again.labels.tobytes()
    np.testing.assert_allclose(np.linalg.norm(found.centres, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found.similarity, (vectors * found.centres[found.labels]).sum(axis=1), atol=1e-5)


@METHODS
def test_hierarchy_choice_of_k_and_stability_work_with_every_method(method):
    vectors, groups = planted([60, 60, 60, 60], width=32)
    spec = ClusterSpec(4, 5, method=method)

    fit, coarser = fit_hierarchy(vectors, [2, 4], spec, seed=0)

    assert adjusted_rand_score(groups, fit.labels) == 1
    assert len({(int(two), int(four)) for two, four in zip(coarser[0], fit.labels, strict=True)}) == 4
    assert choose_n_clusters(vectors, spec, seed=0).n_clusters == 4
    assert measure_stability(vectors, spec, seed=0) == 1


@METHODS
def test_every_method_raises_an_error_for_too_few_users(method):
    with pytest.raises(TooFewUsersError):
        fit_clusters(planted([9], width=4)[0], ClusterSpec(2, 5, method=method), seed=0)


def test_wards_method_merges_a_sample_of_many_users_and_assigns_the_others(monkeypatch):
    monkeypatch.setattr(methods, "WARD_USERS", 60)
    vectors, groups = planted([300, 200, 100], width=32)

    found = fit_clusters(vectors, ClusterSpec(3, 10, method="ward"), seed=0)

    assert adjusted_rand_score(groups, found.labels) == 1


def test_wards_method_makes_more_clusters_than_the_size_of_its_sample(monkeypatch):
    monkeypatch.setattr(methods, "WARD_USERS", 60)
    vectors, _ = planted([600], width=16, noise=1)

    assert len(fit_clusters(vectors, ClusterSpec(80, 1, method="ward"), seed=0).centres) == 80


@METHODS
def test_every_method_makes_as_many_clusters_as_users(method):
    vectors, _ = planted([20], width=8, noise=1)

    assert sorted(fit_clusters(vectors, ClusterSpec(20, 1, method=method), seed=0).labels.tolist()) == list(range(20))


def test_a_method_added_to_the_table_only_has_to_compute_labels(monkeypatch):
    def by_sign(vectors, spec, *, seed, n_init=None):
        del seed, n_init
        return fit_from_labels(vectors, (vectors[:, 0] > 0).astype(np.int32), spec)

    monkeypatch.setitem(CLUSTERING_METHODS, "sign", by_sign)  # type: ignore[arg-type]
    vectors, _ = planted([30, 30], width=4, noise=0.5)

    found = fit_clusters(vectors, ClusterSpec(2, 5, method="sign"), seed=0)

    assert adjusted_rand_score(vectors[:, 0] > 0, found.labels) == 1
