"""Sentences on how the users of a persona act: what differs from everybody, and nothing else."""

import pytest

from persona_assets.assets.persona_phrases.behaviour import describe_clusters
from persona_assets.tables import SEEN_BEFORE
from persona_assets_tests.assets.cluster_stats.builders import accounting_of, by_hour_of

EVEN = by_hour_of(*((cluster, "post", hour, 10) for cluster in (0, 1) for hour in range(24)))


def describe(accounting, by_hour=EVEN, users=(10, 10), phrases=(("tea",), ("rail", "trams", "bus"))):
    return describe_clusters(phrases, users, accounting_of(*accounting), by_hour)


def test_a_persona_that_acts_as_everybody_has_its_subjects_alone():
    same = [(cluster, action, "written", 50) for cluster in (0, 1) for action in ("post", "reply")]

    assert describe(same) == ["Its users write about tea.", "Its users write about rail, trams and bus."]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (170, "replies 1.7 times as often"),
        (200, "replies twice as often"),
        (5000, "replies 50 times as often"),
        (50, "replies half as often"),
        (30, "replies 0.30 times as often"),
    ],
)
def test_what_differs_is_said_as_a_ratio_to_the_other_users(own, said):
    actions = [
        (0, "reply", "written", own),
        (1, "reply", "written", 100),
        (0, "post", "written", 90),
        (1, "post", "written", 90),
    ]

    assert describe(actions)[0] == f"Its users write about tea. Compared with the others, a user {said}."


def test_differences_that_are_small_are_not_said():
    assert describe([(0, "reply", "written", 149), (1, "reply", "written", 100)])[0] == "Its users write about tea."


def test_actions_count_whatever_became_of_them_and_rare_ones_not_at_all():
    actions = [
        (0, "like", "written", 50),
        (0, "like", "target not English", 150),
        (1, "like", "written", 50),
        (0, "follow", "no line for this kind", 4),
        (None, "like", "user in no cluster", 10_000),
    ]

    first, second = describe(actions)
    assert first == "Its users write about tea. Compared with the others, a user likes 4.0 times as often."
    assert second.endswith("a user likes 0.25 times as often.")


def test_what_the_files_of_two_days_hold_was_done_once():
    once = [(0, "like", "written", 100), (1, "like", "written", 100)]

    assert describe([*once, (0, "like", SEEN_BEFORE, 300)]) == describe(once)


def test_busy_hours_are_said_where_they_differ_from_the_others():
    morning = by_hour_of(
        *((0, "post", hour, 100) for hour in range(6, 12)),
        *((1, "post", hour, 10) for hour in range(24)),
    )

    first, second = describe([(0, "post", "written", 1), (1, "post", "written", 1)], morning)
    assert first.endswith("Compared with the others, a user is most active from 06 to 12 h UTC.")
    assert "06 to 12" not in second


def test_hours_around_midnight_are_one_stretch():
    night = by_hour_of(
        *((0, "post", hour, 100) for hour in (22, 23, 0, 1, 2, 3)),
        *((1, "post", hour, 10) for hour in range(24)),
    )

    assert "from 22 to 04 h UTC" in describe([], night)[0]


def test_users_without_phrases_and_without_actions_are_described():
    assert describe([], by_hour_of(), phrases=((), ())) == ["Its users share no words."] * 2
