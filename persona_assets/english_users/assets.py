"""The asset `english_users`."""

import dagster as dg
import pyarrow.dataset as pads
from pydantic import Field

from persona_assets.english_users.select import select_english_users
from persona_assets.metadata import count_table, measured, missing_days
from persona_assets.scratch import Scratch
from persona_assets.settings import describe, setting


class EnglishUsersConfig(dg.Config):
    """Who has written enough."""

    min_english_posts: int = Field(
        default_factory=setting("min_english_posts"), ge=1, description=describe("min_english_posts")
    )
    memory_limit: str = Field(default_factory=setting("memory_limit"), description=describe("memory_limit"))


def build_english_users(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping
) -> dg.AssetsDefinition:
    """Return the asset, whose inputs are the window's English posts and actions."""

    @dg.asset(
        group_name="english_users",
        kinds={"duckdb", "parquet"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={
            "english_posts": dg.AssetIn(partition_mapping=window),
            "user_actions": dg.AssetIn(partition_mapping=window),
        },
    )
    def english_users(
        context: dg.AssetExecutionContext,
        config: EnglishUsersConfig,
        scratch: Scratch,
        english_posts: pads.Dataset,
        user_actions: pads.Dataset,
    ):
        """Users who wrote enough English in the window to have a persona."""
        with measured() as cost:
            users, dropped = select_english_users(
                english_posts, user_actions, scratch=scratch.new_folder(), **config.model_dump()
            )
        context.log.info("%d users kept, %d wrote too little English", users.num_rows, sum(dropped.values()))
        return dg.MaterializeResult(
            value=users,
            metadata={
                "dropped": count_table(dropped, of="reason"),
                **missing_days(context, english_posts=english_posts, user_actions=user_actions),
                **cost,
            },
        )

    return english_users
