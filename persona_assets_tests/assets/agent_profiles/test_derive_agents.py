import numpy as np
import pyarrow as pa
import pytest

from persona_assets.assets.agent_profiles.stored_tables import AGENT_EDGES, AGENTS, RATES
from persona_assets.consent.left_out import LeftOut
from persona_assets.consent.policy import LEFT_OUT
from persona_assets_tests.assets.agent_profiles.builders import action, cards_of, derive, habits, user


def test_an_agent_is_the_mean_of_the_users_of_its_group(tmp_path):
    found = derive(tmp_path, 40, days=2, max_agents=2)

    low, high = found.agents.to_pylist()
    posts = sorted(number % 7 for number in range(40))
    assert low["posts_per_day"] == pytest.approx(np.mean(posts[:20]) / 2, abs=1e-3)
    assert high["posts_per_day"] == pytest.approx(np.mean(posts[20:]) / 2, abs=1e-3)
    assert low["replies_per_day"] == high["replies_per_day"] == 0.5
    assert (low["users"], high["users"], found.users) == (20, 20, 40)
    assert low["hourly_activity"][12] == pytest.approx(1)
    assert (low["persona_id"], low["persona_name"]) == (10, "gardens 0")
    assert [low["username"], high["username"]] == ["persona_10_agent_1", "persona_10_agent_2"]


def test_users_of_small_clusters_are_counted_and_in_no_agent(tmp_path):
    found = derive(tmp_path, 50, 19, 20)

    assert found.agents["cluster_id"].to_pylist() == [0, 0, 2]
    assert (found.users, found.users_of_small_clusters, found.small_clusters) == (70, 19, 1)
    assert sum(found.agents["users"].to_pylist()) == found.users


def test_users_who_are_left_out_are_in_no_agent(tmp_path):
    refusing = pa.table([[user(number) for number in range(25)], ["refuses training"] * 25], schema=LEFT_OUT)

    found = derive(tmp_path, 50, 30, left_out=LeftOut(refusing, pa.array([], pa.string())))

    assert found.users == 55
    assert found.agents["cluster_id"].to_pylist() == [0, 1]


def test_tables_have_their_schema_and_the_same_rows_each_time(tmp_path):
    one, other = derive(tmp_path, 100, 80), derive(tmp_path, 100, 80)

    assert (one.agents.schema, one.edges.schema) == (AGENTS, AGENT_EDGES)
    assert one.agents.equals(other.agents)
    assert one.edges.equals(other.edges)
    assert set(one.edges["relation"].to_pylist()) == {"follow", "reply"}
    assert not derive(tmp_path, 100, 80, seed=1).edges.equals(one.edges)


def test_numbers_of_follows_are_those_of_the_edges(tmp_path):
    found = derive(tmp_path, 100, 80, rows=habits(100, 80, followed_by=5))

    follows = [edge for edge in found.edges.to_pylist() if edge["relation"] == "follow"]
    assert sum(found.agents["following"].to_pylist()) == sum(found.agents["followers"].to_pylist()) == len(follows)
    assert len(follows) > 10


def test_a_window_without_actions_gives_agents_that_do_nothing(tmp_path):
    found = derive(tmp_path, 20, rows=[action(99, "post", "a")])

    (agent,) = found.agents.to_pylist()
    assert {agent[name] for name in RATES.values()} == {0}
    assert sum(agent["hourly_activity"]) == 0


def test_a_day_with_small_clusters_alone_has_no_agent(tmp_path):
    found = derive(tmp_path, 5, 6, cards=cards_of(2))

    assert len(found.agents) == len(found.edges) == found.users == 0
    assert found.small_clusters == 2
