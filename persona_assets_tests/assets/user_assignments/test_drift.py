"""Drift is quiet for users of the same population, and loud for others."""

import numpy as np
import pytest

from persona_assets.assets.user_assignments.drift import (
    MAX_POPULATION_SHIFT,
    measure_drift,
    population_shift_limit,
    population_shifts,
)
from persona_assets.assets.user_assignments.nearest_personas import assign_users
from persona_assets.assets.user_assignments.stored_tables import USER_ASSIGNMENTS
from persona_assets_tests.assets.clusters.builders import dataset, users_of
from persona_assets_tests.assets.user_assignments.builders import SIZES, draw_users, earlier_of, fit, posts_of


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    return earlier_of(fit(), tmp_path_factory.mktemp("fit"))


def drift_of(earlier, ids, vectors):
    assigned = assign_users(posts_of(ids, vectors), dataset(users_of(ids)), earlier).table
    return measure_drift(assigned, earlier)


def test_users_of_the_same_population_show_no_drift(earlier):
    for seed in range(20, 25):
        ids, vectors, _ = draw_users(SIZES, seed=seed)
        drift = drift_of(earlier, ids, vectors)

        assert drift.outlier_share <= drift.outlier_limit
        assert drift.similarity_fall <= drift.fall_limit
        assert drift.population_shift <= drift.shift_limit
        assert (drift.users, drift.new_users) == (120, 120)


def test_users_who_write_about_something_else_are_outliers(earlier):
    ids, vectors, _ = draw_users(SIZES, seed=1, noise=0.6)
    drift = drift_of(earlier, ids, vectors)

    assert drift.outlier_share > drift.outlier_limit
    assert drift.similarity_fall > drift.fall_limit
    assert drift.new_outlier_share == drift.outlier_share


def test_other_shares_of_personas_are_a_shift_of_the_population(earlier):
    ids, vectors, _ = draw_users((10, 20, 90), seed=1)
    drift = drift_of(earlier, ids, vectors)

    assert drift.population_shift > drift.shift_limit
    assert drift.similarity_fall <= drift.fall_limit
    assert drift.population_shift == pytest.approx(sum(row["psi"] for row in drift.by_cluster))
    assert [row["users"] for row in drift.by_cluster] == [10, 20, 90]


def test_users_of_the_fit_are_not_new(earlier):
    ids = earlier.user_ids.to_pylist()
    drift = drift_of(earlier, ids[:10], earlier.centres[earlier.labels[:10]])

    assert (drift.users, drift.new_users, drift.new_outlier_share) == (10, 0, None)


def test_the_index_is_the_textbooks():
    # Shares 0.5, 0.5 and 0.6, 0.4, of so many users that half a user is nothing.
    counts, fit_counts = np.array([600_000, 400_000]), np.array([500_000, 500_000])

    expected = [0.1 * np.log(0.6 / 0.5), -0.1 * np.log(0.4 / 0.5)]
    np.testing.assert_allclose(population_shifts(counts, fit_counts), expected, rtol=1e-4)


def test_an_empty_persona_has_a_finite_shift():
    assert np.isfinite(population_shifts(np.array([10, 0]), np.array([5, 5]))).all()


def test_few_users_do_not_exceed_the_limit_of_the_index_by_chance():
    rng = np.random.default_rng(0)
    fit_counts = np.full(20, 50)
    passed = 0
    for _ in range(200):
        counts = rng.multinomial(60, fit_counts / fit_counts.sum())
        passed += population_shifts(counts, fit_counts).sum() <= population_shift_limit(counts, fit_counts)

    assert passed >= 180
    assert population_shift_limit(np.array([5000, 5000]), np.array([5000, 5000])) == MAX_POPULATION_SHIFT
    assert population_shift_limit(np.array([5]), np.array([5])) == MAX_POPULATION_SHIFT


def test_no_users_have_no_drift(earlier):
    assert measure_drift(USER_ASSIGNMENTS.empty_table(), earlier) is None
