"""The asset `agent_profiles`."""

import dagster as dg
import pyarrow.dataset as pads

from persona_assets.assets.agent_profiles.agent_files import render_agent_files
from persona_assets.assets.agent_profiles.derive_agents import derive_agents
from persona_assets.assets.agent_profiles.read_cards import make_unnamed_cards, read_cards
from persona_assets.common.checks import Check
from persona_assets.common.consent_settings import Deletions
from persona_assets.common.database import QueryOptions
from persona_assets.common.metadata import measuring_time_and_memory, provenance_table
from persona_assets.common.provenance import build_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.consent.left_out import LeaveOutRules, find_left_out, leave_out_rules
from persona_assets.consent.purposes import UndefinedMeans
from persona_assets.io_managers.consent_tables import left_out_metadata, open_consent_tables
from persona_assets.partitions import list_window_days, parse_day
from persona_assets.settings import from_setting

_NAMED = Check(
    "agent_profiles",
    "agents_have_the_name_of_their_persona",
    "persona_labels lacks these clusters, so that agents are called after the number of their cluster: materialize "
    "lineage and persona_labels, then this partition again.",
)
_HAS_AGENTS = Check(
    "agent_profiles",
    "most_personas_have_agents",
    "Half of the personas or more have fewer users than an agent is made of, and have none (small_clusters): ask "
    "clusters for fewer personas, or capture more days.",
)


class AgentProfilesConfig(SettingsConfig):
    """Run config of `agent_profiles`: number and size of agents, seed of their edges, who is left out, and memory."""

    max_agents: int = from_setting("max_agents")
    min_users_per_agent: int = from_setting("min_users_per_agent")
    seed: int = from_setting("seed")
    consent_training: UndefinedMeans = from_setting("consent_training")
    consent_synthetic_content: UndefinedMeans = from_setting("consent_synthetic_content")
    deletions: Deletions = from_setting("deletions")
    memory_limit: str = from_setting("memory_limit")


def build_agent_profiles(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping, *, consents: bool = False
) -> dg.AssetsDefinition:
    """Build the asset `agent_profiles`: agents for simulators, each the mean of a group of users of one persona.

    Args:
        days: Its daily partitions.
        window: Maps a day to the days of its window.
        consents: Whether the graph has the asset `consents`, which then says who is left out.
    """

    @dg.asset(
        group_name="persona_assets",
        kinds={"duckdb", "numpy", "json"},
        tags={"stage": "agents"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={"user_actions": dg.AssetIn(partition_mapping=window)},
        deps=["consents"] if consents else [],
        io_manager_key="report_io_manager",
        check_specs=[check.spec(days) for check in (_NAMED, _HAS_AGENTS)],
    )
    def agent_profiles(  # noqa: PLR0913, PLR0917 - one parameter for each input
        context: dg.AssetExecutionContext,
        config: AgentProfilesConfig,
        scratch: dg.ResourceParam[Scratch],
        clusters: pads.Dataset,
        user_actions: pads.Dataset,
        persona_labels: pads.Dataset,
    ):
        """Agents for simulators: typical users of each persona, with their habits, and who follows and answers whom.

        One agent is the mean of at least 20 users of one persona. It copies no post and no account; age, gender and the
        like are unknown. The folder has the same agents as files of OASIS, AgentSociety 2, Y Social and Concordia, and
        as tables. No job makes it: choose Materialize here.
        """
        of_window, day = list_window_days(context.partition_key, days, window), parse_day(context.partition_key)
        said = open_consent_tables(in_graph=consents, since=of_window[0])
        users = clusters.to_table(columns=["user_id", "cluster_id"])
        cards = read_cards(persona_labels, users, day)
        with measuring_time_and_memory(context.log.info) as cost:
            work = QueryOptions(memory_limit=config.memory_limit, scratch=scratch.new_folder())
            left_out = find_left_out(user_actions, said, _read_rules(config), **work)
            agents = derive_agents(
                users,
                user_actions,
                cards or make_unnamed_cards(users),
                left_out=left_out,
                days=len(of_window),
                max_agents=config.max_agents,
                min_users=config.min_users_per_agent,
                seed=config.seed,
                **work,
            )
        provenance = build_provenance(
            "agent_profiles",
            days=of_window,
            settings=config.result_settings(),
            libraries=("duckdb", "numpy"),
            inputs=[clusters, *said.list_inputs()],
            over_window=[user_actions],
        )
        return dg.MaterializeResult(
            value=render_agent_files(agents, (parse_day(of_window[0]), day), config.min_users_per_agent, provenance),
            metadata=agents.list_counts() | left_out_metadata(left_out, clusters) | provenance_table(provenance) | cost,
            check_results=[
                _NAMED.result(passed=cards is not None),
                _HAS_AGENTS.result(passed=agents.cover_most_clusters(), small_clusters=agents.small_clusters),
            ],
        )

    return agent_profiles


def _read_rules(config: AgentProfilesConfig) -> LeaveOutRules:
    return leave_out_rules(
        "agent_profiles",
        deletions=config.deletions,
        training=config.consent_training,
        synthetic_content=config.consent_synthetic_content,
    )
