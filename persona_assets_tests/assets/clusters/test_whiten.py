"""User vectors in the directions that tell users apart."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.assets.clusters.whiten import DIRECTIONS, whiten_vectors
from persona_assets_tests.assets.clusters.builders import planted, unit


def noisy_users(*, groups=4, users=40, posts=4, width=24, seed=0):
    """Users whose posts vary most in directions that no group differs in; vectors, covariance, groups."""
    rng = np.random.default_rng(seed)
    topics = np.repeat(np.eye(groups, width), users, axis=0)
    mood = np.zeros(width)
    mood[groups:] = 1.2
    written = topics[:, None] + rng.normal(size=(groups * users, posts, width)) * mood
    written /= np.linalg.norm(written, axis=2, keepdims=True)
    means = written.mean(axis=1)
    residuals = (written - means[:, None]).reshape(-1, width)
    within = residuals.T @ residuals / (len(residuals) - len(means))
    return unit(means), within, np.repeat(np.arange(groups), users)


def test_groups_are_told_apart_better_where_posts_of_a_user_vary_otherwise():
    vectors, within, groups = noisy_users()

    plain = fit_clusters(vectors, ClusterSpec(4, 10), seed=0)
    sharp = fit_clusters(whiten_vectors(vectors, within, n_clusters=4), ClusterSpec(4, 10), seed=0)

    assert adjusted_rand_score(groups, sharp.labels) > adjusted_rand_score(groups, plain.labels) + 0.2


def test_vectors_have_unit_length_in_few_directions():
    vectors, _ = planted([300], width=200)

    sharp = whiten_vectors(vectors, np.eye(200), n_clusters=5)

    assert sharp.shape == (300, DIRECTIONS)
    assert sharp.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(sharp, axis=1), 1, atol=1e-5)
    assert whiten_vectors(vectors, np.eye(200), n_clusters=60).shape[1] == 120


@pytest.mark.parametrize("vectors", [unit([[1, 2, 3]] * 5), unit([[1, 0]])])
def test_users_who_are_all_equal_and_no_covariance_give_finite_vectors(vectors):
    width = vectors.shape[1]

    sharp = whiten_vectors(vectors, np.zeros((width, width)), n_clusters=1)

    assert np.isfinite(sharp).all()
