"""Coarser clusters made of finer ones."""

import numpy as np
import pytest

from persona_assets.clusters.fit import fit_clusters
from persona_assets.clusters.move import Sizes
from persona_assets.clusters.nest import group_clusters
from persona_assets.clusters.silhouette import measure_silhouette
from persona_assets_tests.clusters.builders import unit


def planted_tree(seed=0):
    """Three topics of four subtopics each of thirty users, and the topic of each user."""
    rng = np.random.default_rng(seed)
    topics = rng.normal(size=(3, 64))
    subtopics = np.repeat(topics, 4, axis=0) + 0.5 * rng.normal(size=(12, 64))
    return unit(np.repeat(subtopics, 30, axis=0) + 0.3 * rng.normal(size=(360, 64))), np.repeat([0, 1, 2], 120)


def test_groups_are_the_planted_topics_numbered_by_users():
    vectors, topics = planted_tree()
    vectors, topics = vectors[20:], topics[20:]
    labels = fit_clusters(vectors, Sizes(12, 5), seed=0).labels

    groups = group_clusters(vectors, labels, Sizes(3, 5), seed=0)

    sizes = np.bincount(groups[labels])
    assert (np.diff(sizes) <= 0).all()
    assert len({(group, topic) for group, topic in zip(groups[labels], topics, strict=True)}) == 3


@pytest.mark.parametrize("n_groups", [2, 3, 6])
def test_groups_part_users_nearly_as_well_as_a_fit_of_their_own(n_groups):
    vectors, _ = planted_tree(seed=1)
    labels = fit_clusters(vectors, Sizes(12, 5), seed=0).labels
    alone = fit_clusters(vectors, Sizes(n_groups, 5), seed=0).labels

    grouped = group_clusters(vectors, labels, Sizes(n_groups, 5), seed=0)[labels]

    assert measure_silhouette(vectors, grouped).mean() >= 0.9 * measure_silhouette(vectors, alone).mean()


def test_no_group_is_empty_where_clusters_are_alike():
    vectors = unit([[1, 0]] * 12)
    labels = np.repeat(np.arange(4), 3).astype(np.int32)

    assert set(group_clusters(vectors, labels, Sizes(3, 1), seed=0).tolist()) == {0, 1, 2}
