"""Write the folder of a day: agents and edges as tables, as files of simulators, and what they are."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from persona_assets.assets.agent_profiles.agentsociety_file import render_agentsociety_json
from persona_assets.assets.agent_profiles.concordia_file import render_concordia_json
from persona_assets.assets.agent_profiles.derive_agents import Agents
from persona_assets.assets.agent_profiles.oasis_files import render_oasis_reddit_json, render_oasis_twitter_csv
from persona_assets.assets.agent_profiles.ysocial_files import render_ysocial_config, render_ysocial_population
from persona_assets.common.parquet_files import render_parquet
from persona_assets.common.provenance import Provenance, with_provenance

_README = """# Agents of {day}

{agents} agents for simulators of social media. Each is the mean of {min_users} or more users of one persona: how often
they post, reply, quote, like, repost and follow, and at which hours (UTC). No agent is a person, no post is quoted, and
no id of an account is in any file.

| file | loaded by |
|---|---|
| `agents.parquet`, `agent_edges.parquet` | pandas, DuckDB |
| `oasis_twitter.csv` | OASIS 0.2.5, `generate_twitter_agent_graph`, `generate_agents` |
| `oasis_reddit.json` | OASIS 0.2.5, `generate_reddit_agent_graph` |
| `agentsociety.json` | AgentSociety 2.9, `init_config.json` |
| `ysocial_agents.json`, `ysocial_config.json` | Y Social: the population; `hourly_activity` and `actions_likelihood` |
| `concordia.json` | Concordia 2.1, the instances of a `Config` |

- Users in agents: {users}. Left out, because their cluster has fewer than {min_users} users: {small_users} users of
  {small} clusters.
- Edges: {follows} follows and {replies} replies. They are drawn, not copied: an agent has the mean out-degree of its
  users, as far as there are other agents, and its targets are drawn by how often users of the two personas follow or
  answer each other, and by how often the target's users are. Only follows that were made within the window are known.
- Age, gender, country, profession and personality are unknown, and are not made up. OASIS prints "unknown" in prompts.
- Names and phrases are made from words that many users share. Personas: {names}.
"""
MAX_NAMES = 40


def render_agent_files(
    agents: Agents, window: tuple[dt.date, dt.date], min_users: int, provenance: Provenance | None
) -> dict[str, bytes]:
    """Render all files of a day's folder: agents and edges as Parquet, and a file for each simulator; content by name.

    Args:
        agents: The agents of the day.
        window: The first and the last day of the window.
        min_users: Minimum number of users of an agent.
        provenance: How the tables were made, for their schema metadata.
    """
    counts = agents.list_counts()
    numbers = {"agents": counts["agents"], "users": counts["users"], "min_users_per_agent": min_users} | counts
    return {
        "agents.parquet": render_parquet(with_provenance(agents.agents, provenance), day_column=window[1]),
        "agent_edges.parquet": render_parquet(with_provenance(agents.edges, provenance), day_column=window[1]),
        "oasis_twitter.csv": render_oasis_twitter_csv(agents),
        "oasis_reddit.json": render_oasis_reddit_json(agents),
        "agentsociety.json": render_agentsociety_json(agents, first_day=window[0]),
        "ysocial_agents.json": render_ysocial_population(agents),
        "ysocial_config.json": render_ysocial_config(agents),
        "concordia.json": render_concordia_json(agents),
        "README.md": _write_readme(agents, numbers, day=window[1]),
        "stats.json": json.dumps(numbers, indent=1).encode(),
    }


def _write_readme(agents: Agents, numbers: Mapping[str, Any], *, day: dt.date) -> bytes:
    names = sorted(set(agents.agents["persona_name"].to_pylist()))
    shown = "; ".join(_escape(name) for name in names[:MAX_NAMES]) + (" ..." if len(names) > MAX_NAMES else "")
    text = _README.format(
        day=day,
        agents=numbers["agents"],
        users=numbers["users"],
        min_users=numbers["min_users_per_agent"],
        small=numbers["small_clusters"],
        small_users=numbers["users_of_small_clusters"],
        follows=numbers["follows"],
        replies=numbers["replies"],
        names=shown,
    )
    return text.encode()


def _escape(name: str) -> str:
    return "".join(character if character.isalnum() or character in " ,.-·" else " " for character in name)
