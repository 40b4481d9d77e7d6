"""Assignment of users to centres, and centres as means of users."""

import threading

import numpy as np
import pytest

from persona_assets.post_vectors import assign
from persona_assets.post_vectors.assign import (
    assign_nearest,
    assign_second_nearest,
    compute_centres,
    map_blocks,
    similarity_to_own_centre,
    sum_by_cluster,
)
from persona_assets_tests.assets.clusters.builders import planted, unit


def test_a_user_is_assigned_to_the_centre_with_the_highest_cosine():
    vectors, _ = planted([30, 40], width=5)
    centres = unit(np.random.default_rng(0).normal(size=(4, 5)))

    found = assign_nearest(vectors, centres)

    cosines = vectors.astype(np.float64) @ centres.T
    assert np.array_equal(found.labels, cosines.argmax(axis=1))
    np.testing.assert_allclose(found.similarity, cosines.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(similarity_to_own_centre(vectors, found.labels, centres), found.similarity, atol=1e-6)


@pytest.mark.parametrize("users", [1, 4095, 4096, 4097])
def test_blocks_cover_every_user_once(users):
    vectors, _ = planted([users], width=3)

    assert len(assign_nearest(vectors, vectors[:1]).labels) == users


def test_a_centre_is_the_normalised_mean_of_its_users_and_an_empty_cluster_keeps_the_fallback():
    vectors = unit([[1, 0], [0, 1], [1, 1]])
    fallback = unit([[1, 0], [0, 1], [-1, 0]])

    centres = compute_centres(vectors, np.array([0, 0, 1], np.int32), fallback=fallback)

    np.testing.assert_allclose(centres, unit([[1, 1], [1, 1], [-1, 0]]), atol=1e-6)
    assert sum_by_cluster(vectors, np.array([0, 0, 1], np.int32), 3)[2].tolist() == [0, 0]


def test_the_second_nearest_centre_has_the_second_highest_cosine():
    vectors, _ = planted([40], width=5)
    centres = unit(np.random.default_rng(0).normal(size=(4, 5)))
    labels = assign_nearest(vectors, centres).labels

    found = assign_second_nearest(vectors, labels, centres)

    ranked = np.argsort(-(vectors @ centres.T), axis=1)
    assert np.array_equal(found.labels, ranked[:, 1])
    assert (found.similarity <= similarity_to_own_centre(vectors, labels, centres) + 1e-6).all()


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_are_computed_in_order_by_at_most_as_many_threads_as_the_step_may_use(monkeypatch, threads):
    monkeypatch.setattr(assign, "count_threads", lambda: threads)
    used = set()

    blocks = [
        *map_blocks(3 * assign.BLOCK_ROWS + 1, lambda block: (used.add(threading.get_ident()), block.indices(10**6))[1])
    ]

    assert blocks == [
        (start, min(start + assign.BLOCK_ROWS, 3 * assign.BLOCK_ROWS + 1), 1)
        for start in range(0, 4 * assign.BLOCK_ROWS, assign.BLOCK_ROWS)
    ]
    assert len(used) <= threads
    assert (threading.get_ident() in used) == (threads == 1)
