import numpy as np
import pytest
import sklearn.cluster  # noqa: F401 - whose threads can be limited only once it is loaded
from threadpoolctl import threadpool_limits

from persona_assets.assets.cluster_jsonl.engagement_centres import fit_weighted_centres


def test_a_centre_is_nearer_to_the_vector_with_more_weight():
    vectors = np.array([[1, 0], [0, 1]], dtype=np.float32)

    (centre,) = fit_weighted_centres(vectors, np.array([3, 1], dtype=np.float32), seed=0)

    assert centre == pytest.approx(np.array([3, 1]) / np.sqrt(10), abs=1e-6)


def test_there_is_one_centre_for_ten_posts_and_at_most_ten():
    vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = np.ones(200, dtype=np.float32)

    assert len(fit_weighted_centres(vectors, weights, seed=0)) == 10
    assert len(fit_weighted_centres(vectors[:35], weights[:35], seed=0)) == 3
    assert len(fit_weighted_centres(vectors[:1], weights[:1], seed=0)) == 1


def test_centres_are_the_same_bytes_on_any_number_of_threads():
    vectors = np.random.default_rng(0).normal(size=(1_000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = np.random.default_rng(1).random(1_000).astype(np.float32) + 1

    found = set()
    for threads in (1, 2, 4, 8):
        with threadpool_limits(limits=threads):
            found.add(fit_weighted_centres(vectors, weights, seed=0).tobytes())

    assert len(found) == 1
