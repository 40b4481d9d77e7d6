"""The asset `english_users`: the users who wrote enough English in the window."""

import dagster as dg
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.assets.english_users.select import select_english_users
from persona_assets.assets.english_users.shares import MAX_RATIO, compute_english_shares_by_day, is_share_near_median
from persona_assets.common.checks import Check, build_complete_window_check
from persona_assets.common.metadata import (
    build_count_table,
    measuring_time_and_memory,
    provenance_table,
    window_metadata,
)
from persona_assets.common.provenance import build_provenance, with_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.partitions import list_window_days
from persona_assets.settings import from_setting

_COMPLETE = build_complete_window_check("english_users")
_USUAL = Check(
    "english_users",
    "the_share_of_english_is_usual",
    f"The day's share of English differs by more than a factor of {MAX_RATIO} from the median of the window's other "
    "days: look at the day's capture (the checks of raw_events) and at the reasons in english_posts.",
)
_WITHIN_POSTS = Check(
    "english_users",
    "no_user_has_more_english_posts_than_posts",
    "english_posts and user_actions were not made from the same events: materialize the days of the window again, "
    "user_actions first.",
    is_error=True,
)


class EnglishUsersConfig(SettingsConfig):
    """Run config of `english_users`: the minimum number of English posts, and the memory limit of DuckDB."""

    min_english_posts: int = from_setting("min_english_posts")
    memory_limit: str = from_setting("memory_limit")


def build_english_users(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping
) -> dg.AssetsDefinition:
    """Build the definition of `english_users`, which reads English posts and actions of the whole window."""

    @dg.asset(
        group_name="persona_assets",
        kinds={"duckdb", "parquet"},
        tags={"stage": "personas"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={
            "english_posts": dg.AssetIn(partition_mapping=window),
            "user_actions": dg.AssetIn(partition_mapping=window),
        },
        check_specs=[check.spec(days) for check in (_COMPLETE, _USUAL, _WITHIN_POSTS)],
    )
    def english_users(
        context: dg.AssetExecutionContext,
        config: EnglishUsersConfig,
        scratch: Scratch,
        english_posts: pads.Dataset,
        user_actions: pads.Dataset,
    ):
        """Users who wrote enough English in the window, the days that end with this one, to have a persona.

        One row is one user, with the number of English posts and of all posts. The setting `min_english_posts` is the
        minimum: a higher one keeps fewer users, whose interests are better known. Next: `clusters`.
        """
        with measuring_time_and_memory() as cost:
            users, dropped = select_english_users(
                english_posts, user_actions, scratch=scratch.new_folder(), **config.model_dump()
            )
        made = build_provenance(
            "english_users",
            days=list_window_days(context.partition_key, days, window),
            settings=config.result_settings(),
            libraries=("duckdb",),
            over_window=[english_posts, user_actions],
        )
        context.log.info("%d users kept, %d wrote too little English", users.num_rows, sum(dropped.values()))
        present = window_metadata(context, english_posts=english_posts, user_actions=user_actions)
        shares = compute_english_shares_by_day(english_posts, user_actions)
        surplus = pc.sum(pc.greater(users["english_posts"], users["posts"])).as_py() or 0
        return dg.MaterializeResult(
            value=with_provenance(users, made),
            metadata={
                "dropped": build_count_table(dropped, of="reason"),
                "english_share_by_day": {day: round(share, 4) for day, share in shares.items()},
                **present,
                **provenance_table(made),
                **cost,
            },
            check_results=[
                _COMPLETE.result(passed=present["missing_days"] == "none", **present),
                _USUAL.result(passed=is_share_near_median(context.partition_key, shares), shares=shares),
                _WITHIN_POSTS.result(passed=surplus == 0, users=surplus),
            ],
        )

    return english_users
