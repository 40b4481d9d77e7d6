import pyarrow as pa

from persona_assets.assets.agent_profiles.measure_users import measure_users
from persona_assets.assets.agent_profiles.stored_tables import RATES
from persona_assets_tests.assets.agent_profiles.builders import action, actions_of, user

NAMES = list(RATES)


def measure(tmp_path, rows, *, users=3, left_out=()):
    return measure_users(
        pa.array([user(number) for number in range(users)]),
        actions_of(rows),
        left_out_posts=pa.array(left_out, pa.string()),
        memory_limit="1GB",
        scratch=tmp_path,
    )


def test_actions_are_counted_by_user_action_and_hour(tmp_path):
    rows = [
        action(0, "post", "a", hour=1),
        action(0, "post", "b", hour=1),
        action(1, "like", "c", hour=-12),
        action(7, "post", "d"),  # of no cluster
        action(1, "block", "e", target=0),  # not an action of agents
    ]

    found = measure(tmp_path, rows)

    assert found.actions.sum() == 3
    assert (found.actions[0, NAMES.index("post")], found.actions[1, NAMES.index("like")]) == (2, 1)
    assert (found.by_hour[0, 13], found.by_hour[1, 0], found.by_hour.sum()) == (2, 1, 3)


def test_a_record_that_two_days_have_counts_once(tmp_path):
    found = measure(tmp_path, [action(0, "post", "a"), action(0, "post", "a", hour=20)])

    assert found.actions.sum() == found.by_hour[0, 12] == 1


def test_a_deleted_post_does_not_count(tmp_path):
    rows = [action(0, "reply", "a", target=1), action(0, "post", "b")]

    found = measure(tmp_path, rows, left_out=[rows[0]["uri"]])

    assert found.actions[0].tolist() == [name == "post" for name in NAMES]
    assert len(found.edges["reply"]) == 0


def test_edges_are_distinct_between_two_users_and_not_undone(tmp_path):
    rows = [
        action(0, "follow", "a", target=1),
        action(0, "follow", "b", target=1),
        action(0, "follow", "c", target=2),
        action(0, "unfollow", "c", target=2) | {"uri": action(0, "follow", "c")["uri"]},
        action(0, "follow", "d", target=0),
        action(0, "follow", "e", target=9),
        action(2, "reply", "f", target=0),
        action(2, "reply", "g", target=0),
    ]

    found = measure(tmp_path, rows)

    assert found.edges["follow"].tolist() == [[0, 1]]
    assert found.edges["reply"].tolist() == [[2, 0]]
