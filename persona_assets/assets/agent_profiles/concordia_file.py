"""Write agents as the instances of a Concordia `Config` (gdm-concordia 2.1), with what each of them knows."""

import json

from persona_assets.assets.agent_profiles.derive_agents import Agents
from persona_assets.assets.agent_profiles.describe_agent import clean_text, describe_agent

RULES = "default rules"
PREMISE = "The accounts use a social network on which they post, reply, quote, like, repost and follow."


def render_concordia_json(agents: Agents) -> bytes:
    """Render agents as Concordia's JSON: a premise, an entity for each agent, their memories and a game master.

    `concordia.typing.prefab.Config(prefabs, [InstanceConfig(**instance) for instance in instances], ...)` takes them.
    """
    rows = agents.agents.to_pylist()
    entities = [
        {
            "prefab": "basic__Entity",
            "role": "entity",
            "params": {
                "name": agent["username"],
                "goal": f"Act as accounts of the group {clean_text(agents.cards[agent['cluster_id']].name)} do.",
            },
        }
        for agent in rows
    ]
    context = {agent["username"]: describe_agent(agent, agents.cards[agent["cluster_id"]]) for agent in rows}
    masters = [
        {
            "prefab": "formative_memories_initializer__GameMaster",
            "role": "initializer",
            "params": {
                "name": "initial setup rules",
                "next_game_master_name": RULES,
                "shared_memories": [PREMISE],
                "player_specific_context": context,
            },
        },
        {"prefab": "generic__GameMaster", "role": "game_master", "params": {"name": RULES}},
    ]
    config = {"default_premise": PREMISE, "default_max_steps": 100, "instances": entities + masters}
    return json.dumps(config, ensure_ascii=False, indent=1).encode()
