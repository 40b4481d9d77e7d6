"""Outliers by the cluster's own distribution."""

import numpy as np

from persona_assets.assets.cluster_stats.mark_outliers import MIN_USERS, mark_outliers


def test_a_user_far_from_the_rest_of_its_cluster_is_marked_and_a_loose_cluster_has_none():
    tight, loose = [0.9, 0.91, 0.92, 0.9, 0.91, 0.92, 0.9, 0.91, 0.92, 0.5], np.linspace(0.4, 0.9, 10).tolist()
    similarity = np.array([value for pair in zip(tight, loose, strict=True) for value in pair], np.float32)

    marked = mark_outliers(similarity, np.array([0, 1] * 10))

    assert np.flatnonzero(marked).tolist() == [18]


def test_a_small_cluster_has_no_outliers():
    similarity = np.array([0.9] * (MIN_USERS - 2) + [0.1])

    assert not mark_outliers(similarity, np.zeros(MIN_USERS - 1, np.int64)).any()
