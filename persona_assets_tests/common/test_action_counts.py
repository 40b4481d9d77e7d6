"""Counts beside the files of personas, summed."""

from persona_assets.common.action_counts import sum_actions_by_cluster, sum_actions_by_hour
from persona_assets.tables import SEEN_BEFORE
from persona_assets_tests.assets.cluster_stats.builders import accounting_of, by_hour_of


def test_actions_are_summed_over_outcomes_and_what_two_days_hold_counts_once():
    accounting = accounting_of(
        (0, "like", "written", 5),
        (0, "like", "target not English", 2),
        (0, "like", SEEN_BEFORE, 9),
        (0, "post", "written", 1),
        (None, "like", "user in no cluster", 4),
    )

    assert sum_actions_by_cluster(accounting) == {0: {"like": 7, "post": 1}, None: {"like": 4}}


def test_hours_are_summed_over_actions_and_zero_where_nothing_was_done():
    done = sum_actions_by_hour(by_hour_of((1, "post", 7, 2), (1, "like", 7, 3), (1, "like", 23, 1)), n_clusters=3)

    assert done.shape == (3, 24)
    assert (done[1, 7], done[1, 23], done.sum()) == (5, 1, 6)
