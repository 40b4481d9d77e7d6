"""The asset `user_actions`: what users did on a day."""

import dagster as dg
import pyarrow.dataset as pads

from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.common.checks import build_accounting_check
from persona_assets.common.collection_names import merge_rare_collections
from persona_assets.common.metadata import build_count_table, measuring_time_and_memory, provenance_table
from persona_assets.common.provenance import build_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.partitions import list_window_days, parse_day
from persona_assets.settings import from_setting

_ADDS_UP = build_accounting_check(
    "user_actions",
    of="event",
    advice="Some events are neither actions nor dropped for a reason: report this, it is a defect.",
)


class UserActionsConfig(SettingsConfig):
    """Run config of `user_actions`: the memory limit of its DuckDB queries."""

    memory_limit: str = from_setting("memory_limit")


def build_user_actions(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Build the asset `user_actions`: what users did on a day, one row per action, without duplicates."""

    @dg.asset(
        group_name="persona_assets",
        kinds={"duckdb", "parquet"},
        tags={"stage": "days"},
        owners=["team:persona_assets"],
        partitions_def=days,
        check_specs=[_ADDS_UP.spec(days)],
    )
    def user_actions(
        context: dg.AssetExecutionContext, config: UserActionsConfig, raw_events: pads.Dataset, scratch: Scratch
    ):
        """What users did on the day: posts, replies, quotes, likes, reposts, follows, blocks, deletions and so on.

        One row is one action of one user, in any language; duplicates are removed. The table `dropped` says which
        events are not actions, and why. Next: `english_posts` keeps what was written in English.
        """
        with measuring_time_and_memory(context.log.info) as cost:
            made = build_provenance(
                "user_actions",
                days=list_window_days(context.partition_key, days),
                settings=config.result_settings(),
                libraries=("duckdb", "numpy"),
                inputs=[raw_events],
            )
            extract = extract_distinct_actions(
                raw_events,
                memory_limit=config.memory_limit,
                scratch=scratch.new_folder(),
                day_column=parse_day(context.partition_key),
                provenance=made,
            )
        context.log.info(
            "%d events: %d actions, %d duplicates", extract.read, extract.actions.total(), extract.duplicates
        )
        dropped = {"duplicate": extract.duplicates, **merge_rare_collections(extract.no_action)}
        events, actions = raw_events.count_rows(), extract.actions.total()
        return dg.MaterializeResult(
            value=extract.user_actions,
            metadata={
                "events": extract.read,
                "actions": build_count_table(extract.actions, of="action"),
                "dropped": build_count_table(dropped, of="reason"),
                **provenance_table(made),
                **cost,
            },
            check_results=[
                _ADDS_UP.result(
                    passed=events == extract.read == actions + sum(dropped.values()),
                    events=events,
                    actions=actions,
                    dropped=sum(dropped.values()),
                )
            ],
        )

    return user_actions
