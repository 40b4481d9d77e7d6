"""The settings of `agent_profiles`, which `settings.Settings` has beside its own."""

import pydantic


class AgentSettings(pydantic.BaseModel):
    """Settings of `agent_profiles`: maximum number of agents, and minimum number of users for each.

    Field `max_agents` is variable `PERSONA_MAX_AGENTS`, and so on.
    """

    max_agents: int = pydantic.Field(
        200,
        ge=1,
        le=10_000,
        description="Maximum number of agents for simulators. Each persona with enough users has one in any case.",
    )
    min_users_per_agent: int = pydantic.Field(
        20, ge=20, description="Minimum number of users whose mean an agent is. It cannot be lower than 20."
    )
