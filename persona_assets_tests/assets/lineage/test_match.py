"""Clusters of two days are matched by shared users and by centres."""

import numpy as np
import pytest

from persona_assets.assets.lineage.match import match_clusters
from persona_assets_tests.assets.lineage.builders import centre_of, day_of, users_of

A, B, C = (users_of(name, range(60)) for name in "abc")


def match(before, after, **options):
    return match_clusters(day_of(1, before, **options), day_of(2, after, **options))


def test_clusters_with_the_same_users_continue_with_any_numbers():
    found = match({"a": A, "b": B, "c": C}, {"b": B, "c": C, "a": A})

    assert found.continues.tolist() == [1, 2, 0]
    assert found.overlap_of_expected[[1, 2, 0], [0, 1, 2]].tolist() == [1, 1, 1]


def test_a_cluster_of_new_users_continues_none_and_a_cluster_whose_users_left_is_linked_to_none():
    found = match({"a": A, "b": B}, {"a": A, "c": C})

    assert found.continues.tolist() == [0, -1]
    assert not found.links_forward[1].any()
    assert not found.links_back[:, 1].any()


def test_the_larger_of_two_merged_clusters_continues():
    small = users_of("b", range(40))

    found = match({"b": small, "a": A}, {"ab": A | small})

    assert found.continues.tolist() == [1]
    assert found.links_forward.tolist() == [[True], [True]]


def test_the_larger_part_of_a_split_cluster_continues_it():
    part = users_of("a", range(20))

    found = match({"a": A}, {"small": part, "large": A - part})

    assert found.continues.tolist() == [-1, 0]
    assert found.links_back.tolist() == [[True, True]]


def test_the_half_with_the_nearer_centre_continues_if_halves_are_equal():
    half = users_of("a", range(30))
    centres = {"a": centre_of("a"), "far": centre_of("b"), "near": centre_of("a", jitter=0.05)}

    found = match({"a": A}, {"far": half, "near": A - half}, centres=centres)

    assert found.continues.tolist() == [-1, 0]


def test_the_assignment_maximises_the_total_overlap():
    after = {"c": users_of("a", range(36)) | B, "d": users_of("a", range(36, 60))}

    found = match({"a": A, "b": B}, after)

    assert found.continues.tolist() == [1, 0]


def test_a_few_earlier_users_in_a_cluster_of_new_ones_are_no_link():
    found = match({"a": A, "b": B}, {"a": A - {"a0", "a1"}, "b": B, "new": C | {"a0", "a1"}})

    assert found.continues.tolist() == [0, 1, -1]
    assert not found.links_back[:, 2].any()


def test_a_cluster_whose_users_scatter_is_not_continued():
    scattered = [users_of("a", range(start, 60, 4)) for start in range(4)]
    others = [users_of(name, range(200)) for name in "bcde"]
    before = {"a": A, **{f"{n}": users for n, users in enumerate(others)}}
    after = {f"{n}": users | some for n, (users, some) in enumerate(zip(others, scattered, strict=True))}

    found = match(before, after)

    assert found.continues.tolist() == [1, 2, 3, 4]
    assert not found.links_forward[0].any()


def test_near_centres_are_matched_if_no_user_is_on_both_days():
    before = {name: users_of(f"old-{name}", range(30)) for name in "abc"}
    after = {name: users_of(f"new-{name}", range(30)) for name in "bad"}

    found = match(before, after, jitter=0.02)

    assert found.continues.tolist() == [1, 0, -1]
    assert found.shared.sum() == 0


def test_centres_of_another_width_are_ignored():
    before, after = day_of(1, {"a": A, "b": B}), day_of(2, {"b": B, "a": A})

    found = match_clusters(before, after._replace(centres=after.centres[:, :5]))

    assert found.continues.tolist() == [1, 0]
    assert np.isnan(found.centre_similarity).all()


@pytest.mark.parametrize("churn", [0, 0.3, 0.6])
def test_clusters_are_matched_while_many_users_come_and_go(churn):
    stays = int(60 * (1 - churn))
    after = {name: users_of(name, range(stays)) | users_of(f"new-{name}", range(60 - stays)) for name in "cab"}

    found = match({"a": A, "b": B, "c": C}, after)

    assert found.continues.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("models", "comparable"), [(("one", "two"), False), (("one", "one"), True), (("one", None), True)]
)
def test_centres_of_two_models_are_not_compared_also_if_their_widths_are_equal(models, comparable):
    before, after = (day_of(1, {"a": A})._replace(model=models[0]), day_of(2, {"a": A})._replace(model=models[1]))

    found = match_clusters(before, after)

    assert found.continues.tolist() == [0]
    assert np.isfinite(found.centre_similarity).all() == comparable
