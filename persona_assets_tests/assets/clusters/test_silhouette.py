"""The silhouette, computed from cluster means."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples

from persona_assets.assets.clusters.silhouette import measure_silhouette
from persona_assets_tests.assets.clusters.builders import planted


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_it_equals_the_silhouette_of_scikit_learn(seed, k):
    vectors, _ = planted([8 * k], width=5, noise=1, seed=seed)
    labels = np.concatenate([np.arange(k), np.random.default_rng(seed).integers(0, k, 7 * k)]).astype(np.int32)

    found = measure_silhouette(vectors, labels)

    np.testing.assert_allclose(found, silhouette_samples(vectors, labels, metric="cosine"), atol=1e-4)


def test_it_is_zero_for_the_only_user_of_a_cluster_and_for_a_single_cluster():
    vectors, _ = planted([3, 3], width=5)

    assert measure_silhouette(vectors, np.array([0, 1, 1, 1, 1, 1], np.int32))[0] == 0
    assert measure_silhouette(vectors, np.zeros(6, np.int32)).tolist() == [0] * 6
