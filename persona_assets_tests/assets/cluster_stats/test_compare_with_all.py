"""How each persona acts, compared with everybody."""

import pytest

from persona_assets.assets.cluster_stats.compare_with_all import compare_with_all, compute_hourly_action_shares
from persona_assets.assets.cluster_stats.count_actions import COLUMNS

NONE = dict.fromkeys(COLUMNS, 0)


def test_a_ratio_is_that_of_mean_users_and_a_bar_its_logarithm():
    clusters = [{"counts": NONE | {"users": 10, "like": 40}}, {"counts": NONE | {"users": 30, "like": 40}}]

    first, second = ({one.action: one for one in of_cluster}["likes"] for of_cluster in compare_with_all(clusters))

    assert (first.per_user, first.of_all, first.ratio) == (4, 2, 2)
    assert (first.start, first.length) == (0.5, pytest.approx(1 / 6, abs=1e-3))
    assert second.ratio == pytest.approx(2 / 3)
    assert second.start + second.length == pytest.approx(0.5)


def test_what_nobody_did_has_no_ratio_and_no_bar():
    (one,) = compare_with_all([{"counts": NONE | {"users": 10}}])

    assert {(comparison.ratio, comparison.length) for comparison in one} == {(None, 0)}


def test_hours_of_all_are_weighted_by_actions():
    night, day = [1.0] + [0.0] * 23, [0.0] * 12 + [1.0] + [0.0] * 11

    hours = compute_hourly_action_shares(
        [{"counts": {"total": 30}, "hours": night}, {"counts": {"total": 10}, "hours": day}]
    )

    assert (hours[0], hours[12], sum(hours)) == (0.75, 0.25, 1)
