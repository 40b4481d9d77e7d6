"""The asset `english_posts`: the posts of a day in one language, English by default."""

import dagster as dg
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.assets.english_posts.filter import filter_posts
from persona_assets.common.checks import build_accounting_check
from persona_assets.common.cpu_count import count_threads
from persona_assets.common.metadata import build_count_table, measuring_time_and_memory, provenance_table
from persona_assets.common.provenance import build_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.partitions import list_window_days, parse_day
from persona_assets.settings import from_setting, read_settings
from persona_assets.tables import MESSAGES

_ADDS_UP = build_accounting_check(
    "english_posts",
    of="message",
    advice="Some posts, replies or quotes are neither kept nor dropped for a reason: report this, it is a defect.",
)


class EnglishPostsConfig(SettingsConfig):
    """Run config of `english_posts`: the language to keep, and the memory limit of DuckDB."""

    language: str = from_setting("language")
    memory_limit: str = from_setting("memory_limit")


def build_english_posts(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Build the asset `english_posts`: the posts, replies and quotes of a day in one language, English by default."""

    @dg.asset(
        group_name="persona_assets",
        kinds={"python", "duckdb", "parquet"},
        tags={"stage": "days"},
        owners=["team:persona_assets"],
        partitions_def=days,
        check_specs=[_ADDS_UP.spec(days)],
    )
    def english_posts(
        context: dg.AssetExecutionContext,
        config: EnglishPostsConfig,
        scratch: Scratch,
        user_actions: pads.Dataset,
    ):
        """What users wrote on the day in English, or in the language of the setting `language`.

        One row is one post, reply or quote, with its text and how its language was decided. The tables `kept` and
        `dropped` count the posts by reason. If the share kept is unusual, look at a few texts of each reason. Next:
        `embeddings`.
        """
        made = build_provenance(
            "english_posts",
            days=list_window_days(context.partition_key, days),
            settings=config.result_settings(),
            libraries=("duckdb", "pycld2"),
            inputs=[user_actions],
        )
        with measuring_time_and_memory(context.log.info) as cost:
            filtered = filter_posts(
                user_actions,
                config.language,
                scratch=scratch.new_folder(),
                memory_limit=config.memory_limit,
                workers=read_settings().workers or count_threads(),
                day_column=parse_day(context.partition_key),
                provenance=made,
            )
        kept, dropped = sum(filtered.kept.values()), sum(filtered.dropped.values())
        messages = user_actions.count_rows(filter=pc.field("action").isin(MESSAGES))
        context.log.info("%d messages kept, %d dropped (language %s)", kept, dropped, config.language)
        return dg.MaterializeResult(
            value=filtered.posts,
            metadata={
                "dropped": build_count_table(filtered.dropped, of="reason"),
                "kept": build_count_table(filtered.kept, of="reason"),
                "language": config.language,
                **provenance_table(made),
                **cost,
            },
            check_results=[
                _ADDS_UP.result(passed=messages == kept + dropped, messages=messages, kept=kept, dropped=dropped)
            ],
        )

    return english_posts
