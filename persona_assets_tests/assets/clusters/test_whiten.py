"""Whitened user vectors separate users better where the posts of a user vary."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.assets.clusters.whiten import N_COMPONENTS, whiten_vectors
from persona_assets_tests.assets.clusters.builders import planted, unit


def noisy_users(*, groups=4, users=40, posts=4, width=24, seed=0):
    """User vectors, their covariance within users, and their groups; posts vary most where groups do not differ."""
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


def test_groups_are_separated_better_if_posts_of_a_user_vary_in_other_directions():
    vectors, within, groups = noisy_users()

    plain = fit_clusters(vectors, ClusterSpec(4, 10), seed=0)
    whitened = fit_clusters(whiten_vectors(vectors, within, n_clusters=4), ClusterSpec(4, 10), seed=0)

    assert adjusted_rand_score(groups, whitened.labels) > adjusted_rand_score(groups, plain.labels) + 0.2


def test_vectors_have_unit_length_and_few_components():
    vectors, _ = planted([300], width=200)

    whitened = whiten_vectors(vectors, np.eye(200), n_clusters=5)

    assert whitened.shape == (300, N_COMPONENTS)
    assert whitened.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(whitened, axis=1), 1, atol=1e-5)
    assert whiten_vectors(vectors, np.eye(200), n_clusters=60).shape[1] == 120


@pytest.mark.parametrize("vectors", [unit([[1, 2, 3]] * 5), unit([[1, 0]])])
def test_equal_vectors_and_a_covariance_of_zeros_give_finite_vectors(vectors):
    width = vectors.shape[1]

    whitened = whiten_vectors(vectors, np.zeros((width, width)), n_clusters=1)

    assert np.isfinite(whitened).all()
