"""Write agents as OASIS (camel-oasis 0.2.5) loads them: a CSV for Twitter, JSON for Reddit."""

import csv
import io
import json

from persona_assets.assets.agent_profiles.derive_agents import Agents
from persona_assets.assets.agent_profiles.describe_agent import (
    UNKNOWN,
    describe_agent,
    list_interests,
    make_profile_sentence,
)

TWITTER_COLUMNS = (
    "user_id",
    "name",
    "username",
    "following_agentid_list",
    "previous_tweets",
    "user_char",
    "description",
    "following_count",
    "followers_count",
)


def render_oasis_twitter_csv(agents: Agents) -> bytes:
    """Render agents as the CSV that OASIS reads with `generate_twitter_agent_graph` or `generate_agents`.

    Lists are Python literals, and ids of followed agents are row numbers. `previous_tweets` is empty: it would hold
    posts of people.
    """
    following = agents.list_followed()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TWITTER_COLUMNS)
    for agent in agents.agents.to_pylist():
        card = agents.cards[agent["cluster_id"]]
        writer.writerow(
            [
                agent["agent_id"],
                f"Agent {agent['agent_id']}",
                agent["username"],
                following[agent["agent_id"]],
                [],
                describe_agent(agent, card),
                make_profile_sentence(card),
                agent["following"],
                agent["followers"],
            ]
        )
    return text.getvalue().encode()


def render_oasis_reddit_json(agents: Agents) -> bytes:
    """Render agents as the JSON that OASIS reads with `generate_reddit_agent_graph`; demographics are "unknown"."""
    listed = [
        {
            "realname": f"Agent {agent['agent_id']}",
            "username": agent["username"],
            "bio": make_profile_sentence(card),
            "persona": describe_agent(agent, card),
            **dict.fromkeys(("age", "gender", "mbti", "country", "profession"), UNKNOWN),
            "interested_topics": list_interests(card),
        }
        for agent in agents.agents.to_pylist()
        for card in (agents.cards[agent["cluster_id"]],)
    ]
    return json.dumps(listed, ensure_ascii=False, indent=1).encode()
