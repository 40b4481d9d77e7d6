"""Write agents as an `init_config.json` of AgentSociety 2 (agentsociety2 2.9.3), with its space of social media."""

import datetime as dt
import json

from persona_assets.assets.agent_profiles.derive_agents import Agents
from persona_assets.assets.agent_profiles.describe_agent import (
    clean_text,
    describe_agent,
    list_interests,
    make_profile_sentence,
)
from persona_assets.assets.agent_profiles.stored_tables import RATES


def render_agentsociety_json(agents: Agents, *, first_day: dt.date) -> bytes:
    """Render agents as AgentSociety's JSON: their profiles, and a social network with accounts and follows.

    Args:
        agents: The agents.
        first_day: First day of the window: the time at which accounts are said to be made, which the data do not tell.
    """
    following = agents.list_followed()
    rows = agents.agents.to_pylist()
    created = dt.datetime.combine(first_day, dt.time(), dt.UTC).isoformat()
    persons = {
        str(agent["agent_id"]): {
            "id": agent["agent_id"],
            "username": agent["username"],
            "bio": make_profile_sentence(agents.cards[agent["cluster_id"]]),
            "created_at": created,
            "followers_count": agent["followers"],
            "following_count": agent["following"],
            "following": following[agent["agent_id"]],
        }
        for agent in rows
    }
    space = {
        "persons": persons,
        "posts": {},
        "comments": {},
        "follows": {str(number): targets for number, targets in enumerate(following)},
        "likes": {},
        "agent_id_name_pairs": [[agent["agent_id"], agent["username"]] for agent in rows],
    }
    listed = [
        {
            "agent_id": agent["agent_id"],
            "agent_type": "person_agent",
            "kwargs": {
                "id": agent["agent_id"],
                "name": agent["username"],
                "profile": {
                    "name": agent["username"],
                    "persona": clean_text(agents.cards[agent["cluster_id"]].name),
                    "background_story": describe_agent(agent, agents.cards[agent["cluster_id"]]),
                    "interests": list_interests(agents.cards[agent["cluster_id"]]),
                    "actions_per_day": {action: agent[column] for action, column in RATES.items()},
                },
            },
        }
        for agent in rows
    ]
    config = {"env_modules": [{"module_type": "social_media", "kwargs": space}], "agents": listed}
    return json.dumps(config, ensure_ascii=False, indent=1).encode()
