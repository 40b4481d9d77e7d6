"""Levels of clusters: each finer cluster in one coarser one, and nearly as good as separate fits."""

from itertools import pairwise

import numpy as np
import pytest

from persona_assets.assets.clusters.hierarchy import fit_hierarchy, group_clusters, split_clusters
from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.assets.clusters.silhouette import measure_silhouette
from persona_assets_tests.assets.clusters.builders import planted, unit


def planted_tree(seed=0):
    """Three topics of four subtopics each of thirty users, and the topic of each user."""
    rng = np.random.default_rng(seed)
    topics = rng.normal(size=(3, 64))
    subtopics = np.repeat(topics, 4, axis=0) + 0.5 * rng.normal(size=(12, 64))
    return unit(np.repeat(subtopics, 30, axis=0) + 0.3 * rng.normal(size=(360, 64))), np.repeat([0, 1, 2], 120)


def parents_of(finer, coarser):
    """For each finer cluster, the coarser clusters that have users of it."""
    return [set(coarser[finer == cluster].tolist()) for cluster in range(finer.max() + 1)]


def mean_silhouette(vectors, labels):
    return measure_silhouette(vectors, labels).mean(dtype=np.float64)


@pytest.mark.parametrize("numbers", [[2, 3, 12], [3, 12, 24], [3], [2, 5, 20]])
@pytest.mark.parametrize("noise", [0.3, 0.8])
def test_each_level_lies_in_the_coarser_one_and_separates_users_nearly_as_well_as_a_separate_fit(numbers, noise):
    rng = np.random.default_rng(0)
    vectors, _ = planted_tree(seed=1)
    vectors = unit(vectors + noise / 8 * rng.normal(size=vectors.shape))

    fit, coarser = fit_hierarchy(vectors, numbers, ClusterSpec(0, 5), seed=0)

    levels = [*coarser, fit.labels]
    assert [int(level.max()) + 1 for level in levels] == numbers
    for number, level in zip(numbers, levels, strict=True):
        sizes = np.bincount(level)
        assert sizes.min() >= 5
        assert (np.diff(sizes) <= 0).all()
        separate = fit_clusters(vectors, ClusterSpec(number, 5), seed=0).labels
        assert mean_silhouette(vectors, level) >= 0.9 * mean_silhouette(vectors, separate)
    for coarse, fine in pairwise(levels):
        assert {len(parents) for parents in parents_of(fine, coarse)} == {1}


def test_a_single_level_is_the_plain_fit():
    vectors, _ = planted([40, 30, 20])

    fit, coarser = fit_hierarchy(vectors, [3], ClusterSpec(0, 10), seed=0)

    assert coarser == []
    assert fit.labels.tolist() == fit_clusters(vectors, ClusterSpec(3, 10), seed=0).labels.tolist()


def test_coarser_levels_are_groups_of_the_finest_if_the_best_level_is_too_small_to_split():
    # Two groups of nineteen: each can be split into one cluster of ten, both together into three.
    vectors, groups = planted([19, 19], noise=0.05)

    separate = fit_clusters(vectors, ClusterSpec(3, 10), seed=0)

    assert split_clusters(vectors, groups.astype(np.int32), separate, ClusterSpec(0, 10), seed=0) is None
    fit, (coarser,) = fit_hierarchy(vectors, [2, 3], ClusterSpec(0, 10), seed=0)

    assert np.bincount(fit.labels).min() >= 10
    assert {len(parents) for parents in parents_of(fit.labels, coarser)} == {1}


def test_levels_with_equally_many_clusters_after_dissolving_become_one():
    vectors, _ = planted([70, 45], noise=0.05)

    fit, coarser = fit_hierarchy(vectors, [2, 4], ClusterSpec(0, 28, "dissolve"), seed=0)

    assert np.bincount(fit.labels).min() >= 28
    assert len(coarser) == (len(fit.centres) > 2)


def test_groups_are_the_planted_topics_numbered_by_number_of_users():
    vectors, topics = planted_tree()
    vectors, topics = vectors[20:], topics[20:]
    labels = fit_clusters(vectors, ClusterSpec(12, 5), seed=0).labels

    groups = group_clusters(vectors, labels, vectors[[0, 1, 2]], seed=0)

    sizes = np.bincount(groups[labels])
    assert (np.diff(sizes) <= 0).all()
    assert len({(group, topic) for group, topic in zip(groups[labels], topics, strict=True)}) == 3


def test_no_group_is_empty_if_clusters_are_equal():
    vectors = unit([[1, 0]] * 12)
    labels = np.repeat(np.arange(4), 3).astype(np.int32)

    assert set(group_clusters(vectors, labels, vectors[:3], seed=0).tolist()) == {0, 1, 2}
