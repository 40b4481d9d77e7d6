"""The asset `english_users`: the users who wrote enough English in the window."""

import dagster as dg
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.assets.english_users.select import select_english_users
from persona_assets.assets.english_users.shares import MAX_RATIO, compute_english_shares_by_day, is_share_near_median
from persona_assets.common.checks import Check, build_complete_window_check
from persona_assets.common.consent_settings import Deletions
from persona_assets.common.database import QueryOptions
from persona_assets.common.metadata import (
    build_count_table,
    measuring_time_and_memory,
    provenance_table,
    window_and_missing_days_metadata,
)
from persona_assets.common.provenance import build_provenance, with_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.consent.left_out import LeaveOutRules, find_left_out, leave_out_rules
from persona_assets.consent.purposes import UndefinedMeans
from persona_assets.io_managers.consent_tables import open_consent_tables
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
    """Run config of `english_users`: minimum number of English posts, who is left out, memory limit of DuckDB."""

    min_english_posts: int = from_setting("min_english_posts")
    consent_embedding: UndefinedMeans = from_setting("consent_embedding")
    deletions: Deletions = from_setting("deletions")
    memory_limit: str = from_setting("memory_limit")


def build_english_users(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping, *, consents: bool = False
) -> dg.AssetsDefinition:
    """Build the asset `english_users`: the users who wrote enough English in the window to have a persona.

    Args:
        days: Its daily partitions.
        window: Maps a day to the days that it reads.
        consents: Whether the graph has the asset `consents`, which then says who is left out.
    """

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
        deps=["consents"] if consents else [],
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
        minimum: a higher one keeps fewer users, whose interests are better known. Accounts that refuse embedding are
        dropped, and deleted posts do not count. Next: `clusters`.
        """
        of_window = list_window_days(context.partition_key, days, window)
        with measuring_time_and_memory(context.log.info) as cost:
            work = QueryOptions(memory_limit=config.memory_limit, scratch=scratch.new_folder())
            said = open_consent_tables(in_graph=consents, since=of_window[0])
            left_out = find_left_out(user_actions, said, _read_rules(config), **work)
            users, dropped = select_english_users(
                english_posts, user_actions, left_out=left_out, min_english_posts=config.min_english_posts, **work
            )
        made = build_provenance(
            "english_users",
            days=of_window,
            settings=config.result_settings(),
            libraries=("duckdb",),
            inputs=said.list_inputs(),
            over_window=[english_posts, user_actions],
        )
        context.log.info(
            "%d users kept, %d wrote too little English or are left out", users.num_rows, sum(dropped.values())
        )
        present = window_and_missing_days_metadata(context, english_posts=english_posts, user_actions=user_actions)
        shares = compute_english_shares_by_day(english_posts, user_actions)
        surplus = pc.sum(pc.greater(users["english_posts"], users["posts"])).as_py() or 0
        return dg.MaterializeResult(
            value=with_provenance(users, made),
            metadata={"dropped": build_count_table(dropped, of="reason"), **present, **provenance_table(made), **cost}
            | {"english_share_by_day": {day: round(share, 4) for day, share in shares.items()}},
            check_results=[
                _COMPLETE.result(passed=present["missing_days"] == "none", **present),
                _USUAL.result(passed=is_share_near_median(context.partition_key, shares), shares=shares),
                _WITHIN_POSTS.result(passed=surplus == 0, users=surplus),
            ],
        )

    return english_users


def _read_rules(config: EnglishUsersConfig) -> LeaveOutRules:
    return leave_out_rules("english_users", deletions=config.deletions, embedding=config.consent_embedding)
