"""The tables that `agent_profiles` stores, as `docs/reference/tables.md` shows them."""

import pyarrow as pa

from persona_assets import tables
from persona_assets.common.columns import column, required_column
from persona_assets.common.stored_table import StoredTable

# What an agent does, and the column of its daily rate.
RATES = {
    "post": "posts_per_day",
    "reply": "replies_per_day",
    "quote": "quotes_per_day",
    "like": "likes_per_day",
    "repost": "reposts_per_day",
    "follow": "follows_per_day",
}

AGENTS = pa.schema(
    [
        required_column("agent_id", pa.int32(), "Number of the agent, from 0: its row in the simulators' files."),
        column("persona_id", pa.int32(), "Its persona's number; empty if lineage does not know the day."),
        required_column("cluster_id", pa.int32(), "Its persona's cluster on this day."),
        required_column("persona_name", pa.string(), "Name of its persona."),
        required_column("username", pa.string(), "A made-up account name."),
        required_column("users", pa.int32(), "Number of users whose mean the agent is."),
        *(
            required_column(name, pa.float64(), f"Mean number of actions a user and day: {action}.")
            for action, name in RATES.items()
        ),
        required_column(
            "hourly_activity", pa.list_(pa.float64()), "Share of its actions in each of the 24 hours (UTC)."
        ),
        required_column("following", pa.int32(), "Number of agents that it follows."),
        required_column("followers", pa.int32(), "Number of agents that follow it."),
    ]
)

AGENT_EDGES = pa.schema(
    [
        required_column("source", pa.int32(), "The agent that follows or answers."),
        required_column("target", pa.int32(), "The agent that is followed or answered."),
        required_column("relation", tables.CLOSED_SET, "follow or reply."),
    ]
)

STORED_TABLES = (
    StoredTable(
        "agents",
        "agent_profiles/<day>/agents.parquet",
        "An agent for a simulator: the mean of a group of users of one persona.",
        AGENTS,
    ),
    StoredTable(
        "agent_edges",
        "agent_profiles/<day>/agent_edges.parquet",
        "An agent that follows or answers another.",
        AGENT_EDGES,
    ),
)
