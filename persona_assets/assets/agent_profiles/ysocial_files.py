"""Write agents as Y Social's client loads them: a population, and a configuration with measured activity."""

import json
from typing import Any

import numpy as np

from persona_assets.assets.agent_profiles.derive_agents import Agents, make_persona_key
from persona_assets.assets.agent_profiles.describe_agent import list_interests
from persona_assets.assets.agent_profiles.stored_tables import RATES
from persona_assets.common.action_counts import HOURS

# Of the actions that Y Social draws from, those that the data know, with the columns they are measured by. A quote is
# a share with a comment.
ACTIONS = {
    "post": ("post",),
    "comment": ("reply",),
    "share": ("repost", "quote"),
    "read": ("like",),
}
NOT_MEASURED = ("image", "news", "search", "cast")
# Fields of an agent of YClient that describe a person, about whom nothing is known.
UNKNOWN_FIELDS = (
    "age",
    "leaning",
    "education_level",
    "gender",
    "nationality",
    "toxicity",
    "profession",
    "oe",
    "co",
    "ex",
    "ag",
    "ne",
)


def render_ysocial_population(agents: Agents) -> bytes:
    """Render the population file of Y Social's client, `{"agents": [...]}`; what is unknown about people is null."""
    listed = [
        {
            "name": agent["username"],
            "email": f"{agent['username']}@agents.invalid",
            "password": "",
            "type": "",
            "interests": list_interests(agents.cards[agent["cluster_id"]]),
            "rec_sys": "",
            "frec_sys": "",
            "language": None,
            "owner": "",
            "round_actions": max(1, round(sum(agent[column] for column in RATES.values()))),
            "daily_activity_level": max(1, round(sum(agent[column] for column in RATES.values()))),
            "joined_on": 0,
            "is_page": 0,
            "activity_profile": "Always On",
            "opinions": {},
            "archetype": None,
            **dict.fromkeys(UNKNOWN_FIELDS),
        }
        for agent in agents.agents.to_pylist()
    ]
    return json.dumps({"agents": listed}, ensure_ascii=False, indent=1).encode()


def render_ysocial_config(agents: Agents) -> bytes:
    """Render Y Social's `hourly_activity` and `actions_likelihood`, of all agents and of each persona.

    Both come from what users did: the share of actions in each hour (UTC), and the share of each action.
    """
    rows = agents.agents.to_pylist()
    by_persona: dict[str, list[dict[str, Any]]] = {}
    for agent in rows:
        cluster = agent["cluster_id"]
        by_persona.setdefault(make_persona_key(cluster, agents.cards[cluster]), []).append(agent)
    personas = {name: _measure(members) for name, members in by_persona.items()}
    return json.dumps({"simulation": _measure(rows), "personas": personas}, indent=1).encode()


def _measure(agents: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the mean over agents, each weighted by its users and by what they do."""
    users = np.array([agent["users"] for agent in agents], float)
    rates = np.array([[agent[column] for column in RATES.values()] for agent in agents]).reshape(-1, len(RATES))
    rates *= users[:, None]
    hours = np.array([agent["hourly_activity"] for agent in agents]).reshape(-1, HOURS) * rates.sum(axis=1)[:, None]
    by_hour = hours.sum(axis=0) / max(hours.sum(), 1e-300)
    of_action = dict(zip(RATES, rates.sum(axis=0), strict=True))
    amounts = {name: sum(of_action[action] for action in actions) for name, actions in ACTIONS.items()}
    total = max(sum(amounts.values()), 1e-300)
    return {
        "hourly_activity": {str(hour): round(float(share), 4) for hour, share in enumerate(by_hour)},
        "actions_likelihood": {name: round(float(amount / total), 4) for name, amount in amounts.items()}
        | dict.fromkeys(NOT_MEASURED, 0.0),
    }
