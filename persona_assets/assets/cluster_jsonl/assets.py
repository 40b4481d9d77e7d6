"""Dagster definition of the asset `cluster_jsonl`: inputs, run config, checks and metadata."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.cluster_jsonl.accounting import CUT_OFF, NOT_CLUSTERED, NOT_KEPT, sum_outcomes_over_clusters
from persona_assets.assets.cluster_jsonl.build import BuiltLines, build_lines
from persona_assets.assets.cluster_jsonl.ignored import IgnoredOptions
from persona_assets.assets.cluster_jsonl.line_schema import describe_line
from persona_assets.assets.cluster_jsonl.load import LineInputs
from persona_assets.assets.cluster_jsonl.stored_tables import IGNORED_EVIDENCE
from persona_assets.assets.cluster_jsonl.targets import WITHOUT_TEXT
from persona_assets.common.checks import Check, build_accounting_check, build_complete_window_check
from persona_assets.common.columns import ColumnDescription, describe_columns
from persona_assets.common.line_tables import LINE_TABLES
from persona_assets.common.metadata import (
    build_column_schema,
    build_count_table,
    measuring_time_and_memory,
    provenance_table,
    shorten_number,
    window_metadata,
)
from persona_assets.common.provenance import build_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.persona_files import SMALL_TABLES, ClusterFolderContents
from persona_assets.partitions import list_window_days, parse_day
from persona_assets.settings import ClusterCompression, ClusterFormat, IgnoredCandidates, from_setting
from persona_assets.tables import SEEN_BEFORE, add_day_field

_COMPLETE = build_complete_window_check("cluster_jsonl")
_ADDS_UP = build_accounting_check(
    "cluster_jsonl",
    of="action",
    advice="Actions of the window are neither written nor dropped under a reason: report this, it is a defect.",
)
_USERS = Check(
    "cluster_jsonl",
    "every_user_of_the_clusters_has_a_file",
    "user_clusters.json and clusters are not of the same users: materialize clusters and this again.",
    is_error=True,
)

# Outcomes of actions in groups. The headings are short so that a page of 1440 pixels shows all columns.
HEADINGS = {
    "kept": ("written",),
    "user": (NOT_KEPT, NOT_CLUSTERED),
    "lang": ("target not English", "target without words"),
    "gone": ("target deleted", "target outside the window", "unknown original", "no post before the act"),
    "rest": ("target not a post", "no line for this kind", WITHOUT_TEXT, CUT_OFF, SEEN_BEFORE),
}


class ClusterJsonlConfig(SettingsConfig):
    """Run config of `cluster_jsonl`: which lines are written, their format, and the memory limit of DuckDB."""

    add_ignored_messages: bool = from_setting("add_ignored_messages")
    ignored_candidates: IgnoredCandidates = from_setting("ignored_candidates")
    similarity_threshold: float = from_setting("similarity_threshold")
    cap_ignored_messages: int = from_setting("cap_ignored_messages")
    max_thread_messages: int = from_setting("max_thread_messages")
    format: ClusterFormat = from_setting("cluster_format")
    compression: ClusterCompression = from_setting("cluster_compression")
    lines_without_text: bool = from_setting("lines_without_text")
    seed: int = from_setting("seed")
    memory_limit: str = from_setting("memory_limit")


def build_cluster_jsonl(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping
) -> dg.AssetsDefinition:
    """Build the asset `cluster_jsonl`, which reads the day's clusters and the posts and actions of its window.

    Args:
        days: Its daily partitions.
        window: The partition mapping from a day to the days of its window.
    """

    @dg.asset(
        group_name="persona_assets",
        kinds={"duckdb", "json"},
        tags={"stage": "results"},
        owners=["team:persona_assets"],
        partitions_def=days,
        io_manager_key="jsonl_io_manager",
        ins={name: dg.AssetIn(partition_mapping=window) for name in ("user_actions", "english_posts", "embeddings")},
        check_specs=[check.spec(days) for check in (_COMPLETE, _ADDS_UP, _USERS)],
    )
    def cluster_jsonl(  # noqa: PLR0913, PLR0917 - one parameter for each input
        context: dg.AssetExecutionContext,
        config: ClusterJsonlConfig,
        scratch: Scratch,
        clusters: pads.Dataset,
        english_users: pads.Dataset,
        user_actions: pads.Dataset,
        english_posts: pads.Dataset,
        embeddings: pads.Dataset,
    ):
        """What the users of each persona said and did, a file for each persona: the input for training and simulation.

        One line of `cluster_<N>.jsonl` is a conversation, its messages in the order in which they were answered, or an
        action: the last message says what was done to the one before it. `user_clusters.json` gives the persona of each
        user.

        The table `accounting` says what became of each kind of action: it is `kept` in a file, or by a `user` without a
        persona, or on something in another language or without words (`lang`), or on something deleted, outside the
        window or unknown (`gone`); the `rest` has no line. `dropped` counts the reasons exactly, `accounting.parquet`
        both. `lines.parquet` names the records that each line shows. Next: `cluster_stats`, `dataset`.
        """
        provenance = build_provenance(
            "cluster_jsonl",
            days=list_window_days(context.partition_key, days, window),
            settings=config.result_settings(),
            libraries=("duckdb", "numpy"),
            inputs=[clusters, english_users],
            over_window=[user_actions, english_posts, embeddings],
        )
        with measuring_time_and_memory() as cost:
            made = build_lines(
                LineInputs(clusters, english_users, user_actions, english_posts, embeddings),
                ignored=_ignored_options(config),
                max_thread_messages=config.max_thread_messages,
                line_format=config.format,
                lines_without_text=config.lines_without_text,
                memory_limit=config.memory_limit,
                scratch=scratch.new_folder(),
                day_column=parse_day(context.partition_key),
                provenance=provenance,
            )
        gaps = window_metadata(context, user_actions=user_actions, english_posts=english_posts, embeddings=embeddings)
        context.log.info("%d conversations of %d users; writing", made.n_conversations, len(made.user_clusters))
        return dg.MaterializeResult(
            value=_as_files(made, config),
            metadata={
                **_describe(made),
                "dagster/column_schema": build_column_schema(_describe_files(config)),
                **gaps,
                **provenance_table(provenance),
                **cost,
            },
            check_results=check_lines(made, gaps, actions=user_actions.count_rows(), users=clusters.count_rows()),
        )

    return cluster_jsonl


def _as_files(made: BuiltLines, config: ClusterJsonlConfig) -> ClusterFolderContents:
    tables = {name: getattr(made, name) for name in SMALL_TABLES}
    return ClusterFolderContents(
        made.lines, made.user_clusters, tables, config.compression, made.ignored_evidence, made.line_tables
    )


def _describe(made: BuiltLines) -> dict[str, Any]:
    return {
        "users": len(made.user_clusters),
        "conversations": made.n_conversations,
        "ignored_messages": made.n_ignored,
        "lines_without_text": build_count_table(made.n_without_text, of="line"),
        **_outcome_tables(made.accounting),
    }


def check_lines(
    made: BuiltLines, gaps: Mapping[str, str | int], *, actions: int, users: int
) -> list[dg.AssetCheckResult]:
    """Check that the window has all its days, and that every action and every user is accounted for.

    Args:
        made: The lines and tables of the step.
        gaps: Metadata of `window_metadata`.
        actions: Number of rows of `user_actions` over the window.
        users: Number of rows of `clusters`.
    """
    # Ignored messages are estimated and not in user_actions.
    accounted = sum(
        number for (action, _), number in sum_outcomes_over_clusters(made.accounting).items() if action != "ignore"
    )
    return [
        _COMPLETE.result(passed=gaps["missing_days"] == "none", **gaps),
        _ADDS_UP.result(passed=accounted == actions, actions=actions, accounted_for=accounted),
        _USERS.result(passed=len(made.user_clusters) == users, users=users, in_files=len(made.user_clusters)),
    ]


def _ignored_options(config: ClusterJsonlConfig) -> IgnoredOptions | None:
    if not config.add_ignored_messages:
        return None
    return IgnoredOptions(
        config.ignored_candidates, config.similarity_threshold, config.cap_ignored_messages, config.seed
    )


def _describe_files(config: ClusterJsonlConfig) -> list[ColumnDescription]:
    """Return the keys of a line, then the columns of each side table as `table.column`."""
    side_tables = SMALL_TABLES | LINE_TABLES | ({"ignored": IGNORED_EVIDENCE} if config.add_ignored_messages else {})
    return describe_line(config.format) + [
        column._replace(name=f"{table}.{column.name}")
        for table, schema in side_tables.items()
        for column in describe_columns(add_day_field(schema))
    ]


def _outcome_tables(accounting: pa.Table) -> dict[str, dg.TableMetadataValue]:
    """Return two tables for the UI: actions by group of outcomes, and dropped actions by reason."""
    totals = sum_outcomes_over_clusters(accounting)
    dropped: dict[str, int] = {}
    for (_, outcome), actions in totals.items():
        if outcome != "written":
            dropped[outcome] = dropped.get(outcome, 0) + actions
    return {
        "accounting": _cross_table(totals),
        "dropped": build_count_table(dropped, of="reason"),
    }


def _cross_table(totals: Mapping[tuple[str, str], int]) -> dg.TableMetadataValue:
    """Return the actions by action (rows) and group of outcomes (columns); unknown outcomes count as "rest"."""
    heading_of = {outcome: heading for heading, outcomes in HEADINGS.items() for outcome in outcomes}
    rows = {action: dict.fromkeys(HEADINGS, 0) for action, _ in totals}
    for (action, outcome), number in totals.items():
        rows[action][heading_of.get(outcome, "rest")] += number
    records = [
        dg.TableRecord(
            {"action": action.replace("_", " "), **{heading: shorten_number(number) for heading, number in row.items()}}
        )
        for action, row in rows.items()
    ]
    columns = [dg.TableColumn(heading, description=", ".join(outcomes)) for heading, outcomes in HEADINGS.items()]
    return dg.MetadataValue.table(records, dg.TableSchema([dg.TableColumn("action"), *columns]))
