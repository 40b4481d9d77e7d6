"""Coarser levels of personas."""

import numpy as np
import pytest

from persona_assets.assets.cluster_stats.persona_groups import group_personas, list_coarser_clusters


def test_the_levels_of_the_clustering_are_used_and_named_after_the_largest_personas():
    groups = group_personas(
        [[0, 1], [1, 0], [0, 2], [0, 1]], np.eye(4, dtype=np.float32), [5, 20, 3, 9], ["a", "b", "c", "d"]
    )

    assert groups.is_nested_clustering
    assert [level.group_of for level in groups.levels] == [[1, 0, 1, 1], [1, 0, 2, 1]]
    assert groups.levels[0].names == ["b", "d, a, c"]


@pytest.mark.parametrize(("k", "levels"), [(7, 0), (16, 1), (300, 2)])
def test_clusters_of_one_level_are_grouped_by_similarity(k, levels):
    rng = np.random.default_rng(0)
    centres = np.eye(4)[np.arange(k) % 4] + 0.1 * rng.normal(size=(k, 4))
    unit = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)

    groups = group_personas([[]] * k, unit @ unit.T, [1] * k, [f"name{number}" for number in range(k)])

    assert not groups.is_nested_clustering
    assert len(groups.levels) == levels
    if levels == 1:
        assert len({(number % 4, group) for number, group in enumerate(groups.levels[0].group_of)}) == 4
    if levels == 2:  # each finer group lies in one coarser one
        pairs = set(zip(groups.levels[1].group_of, groups.levels[0].group_of, strict=True))
        assert len(pairs) == len(groups.levels[1].names)


def test_personas_without_words_name_a_group_only_if_it_has_no_others():
    groups = group_personas([[0], [0], [1]], np.eye(3, dtype=np.float32), [5, 3, 2], ["", "chess", ""])

    assert groups.levels[0].names == ["chess", "no common words"]


def test_paths_are_those_of_the_users_of_each_cluster():
    assert list_coarser_clusters([[3, 1], [2, 0], [3, 1]], np.array([1, 0, 1]), 2) == [[2], [3]]
