"""ActionCounts of what each cluster's users did."""

from hypothesis import given
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.assets.cluster_stats.count_actions import (
    COLUMNS,
    count_actions_by_cluster,
    count_actions_by_outcome,
    count_actions_without_cluster,
    median_actions_by_cluster,
    share_actions_by_hour,
    sum_counts_over_clusters,
)
from persona_assets_tests.assets.cluster_stats.builders import accounting_of, by_hour_of, per_user_of


def test_an_action_counts_whatever_its_outcome_is():
    accounting = accounting_of(
        (0, "like", "written", 4), (0, "like", "outside the window", 3), (1, "reply", "written", 2)
    )

    first, second = count_actions_by_cluster(accounting, [20, 10])

    assert (first["users"], first["like"], first["total"]) == (20, 7, 7)
    assert (second["users"], second["replies"], second["total"]) == (10, 2, 2)


def test_an_event_in_the_files_of_two_days_counts_once():
    accounting = accounting_of((0, "post", "written", 4), (0, "post", tables.SEEN_BEFORE, 1))

    assert count_actions_by_cluster(accounting, [20])[0]["total"] == 4


def test_the_columns_are_those_of_the_reference_then_the_added_ones():
    counts = count_actions_by_cluster(accounting_of(), [1])[0]

    assert list(counts) == list(COLUMNS)
    assert COLUMNS[:4] == ("users", "total", "posts", "replies")
    assert len(COLUMNS) == len(tables.ACTIONS) + 3


def test_ignored_messages_are_in_no_total():
    assert (
        count_actions_by_cluster(accounting_of((0, "ignore", "written", 5), (0, "post", "written", 1)), [1])[0]["total"]
        == 1
    )


def test_outcomes_are_added_up_over_all_users_in_the_order_of_the_counts():
    rows = [(None, "like", "user not kept", 3), (0, "like", "written", 2), (1, "like", "written", 4)]

    outcomes = count_actions_by_outcome(accounting_of(*rows, (0, "ignore", "written", 1), (0, "post", "written", 5)))

    assert list(outcomes) == ["post", "like", "ignore"]
    assert outcomes["like"] == {"user not kept": 3, "written": 6}


def test_shares_by_hour_are_of_all_actions_of_a_cluster():
    by_hour = by_hour_of((0, "post", 23, 1), (0, "like", 23, 2), (0, "like", 0, 1), (2, "post", 5, 4))

    hours = share_actions_by_hour(by_hour, n_clusters=3)

    assert [len(of_cluster) for of_cluster in hours] == [24] * 3
    assert (hours[0][23], hours[0][0], sum(hours[0])) == (0.75, 0.25, 1)
    assert sum(hours[1]) == 0
    assert hours[2][5] == 1


def test_medians_have_the_names_of_the_counts_and_are_zero_for_missing_actions():
    first, second = median_actions_by_cluster(per_user_of((0, "post", 2.5), (0, "total", 4)), n_clusters=2)

    assert (first["posts"], first["replies"], first["total"]) == (2.5, 0, 4)
    assert set(first) == set(second) == set(COLUMNS) - {"users", "ignore", "account_status"}


rows = st.tuples(
    st.sampled_from([None, 0, 1, 2]),
    st.sampled_from(tables.ACTIONS),
    st.sampled_from(["written", "not"]),
    st.integers(0, 9),
)


@given(st.lists(rows))
def test_counts_of_clusters_and_of_users_without_one_add_up_to_every_action(rows):
    accounting = accounting_of(*rows)

    everything = sum_counts_over_clusters(
        [*count_actions_by_cluster(accounting, [3, 2, 1]), count_actions_without_cluster(accounting)]
    )

    assert everything["total"] == sum(actions for *_, actions in rows)
    assert everything["users"] == 6
