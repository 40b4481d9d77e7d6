"""Dagster definition of the asset `cluster_jsonl`: inputs, run config, checks and metadata."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
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
from persona_assets.common.consent_settings import Deletions
from persona_assets.common.line_tables import LINE_TABLES
from persona_assets.common.metadata import (
    build_column_schema,
    build_count_table,
    measuring_time_and_memory,
    provenance_table,
    shorten_number,
    window_and_missing_days_metadata,
)
from persona_assets.common.provenance import build_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.consent.left_out import DELETED_POST, ConsentTables, LeftOut, find_left_out, leave_out_rules
from persona_assets.consent.purposes import UndefinedMeans
from persona_assets.io_managers.consent_tables import left_out_metadata, open_consent_tables
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
    "gone": (DELETED_POST, "target deleted", "target outside the window", "unknown original", "no post before the act"),
    "refused": (),  # see `_choose_heading`
    "rest": ("target not a post", "no line for this kind", WITHOUT_TEXT, CUT_OFF, SEEN_BEFORE),
}


class ClusterJsonlConfig(SettingsConfig):
    """Run config of `cluster_jsonl`: which lines are written, their format, who is left out, and DuckDB's memory."""

    add_ignored_messages: bool = from_setting("add_ignored_messages")
    ignored_candidates: IgnoredCandidates = from_setting("ignored_candidates")
    similarity_threshold: float = from_setting("similarity_threshold")
    cap_ignored_messages: int = from_setting("cap_ignored_messages")
    max_thread_messages: int = from_setting("max_thread_messages")
    format: ClusterFormat = from_setting("cluster_format")
    compression: ClusterCompression = from_setting("cluster_compression")
    lines_without_text: bool = from_setting("lines_without_text")
    seed: int = from_setting("seed")
    consent_training: UndefinedMeans = from_setting("consent_training")
    consent_synthetic_content: UndefinedMeans = from_setting("consent_synthetic_content")
    consent_embedding: UndefinedMeans = from_setting("consent_embedding")
    deletions: Deletions = from_setting("deletions")
    memory_limit: str = from_setting("memory_limit")


def build_cluster_jsonl(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping, *, consents: bool = False
) -> dg.AssetsDefinition:
    """Build the asset `cluster_jsonl`: what the users of each cluster wrote and did, as JSON lines.

    Args:
        days: Its daily partitions.
        window: The partition mapping from a day to the days of its window.
        consents: Whether the graph has the asset `consents`, which then says who is left out.
    """

    @dg.asset(
        group_name="persona_assets",
        kinds={"duckdb", "json"},
        tags={"stage": "results"},
        owners=["team:persona_assets"],
        partitions_def=days,
        io_manager_key="jsonl_io_manager",
        ins={name: dg.AssetIn(partition_mapping=window) for name in ("user_actions", "english_posts", "embeddings")},
        deps=["consents"] if consents else [],
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
        user. Accounts that refuse training or synthetic content, and deleted posts, are in no line.

        The table `accounting` says what became of each kind of action: it is `kept` in a file, or by a `user` without a
        persona, or on something in another language or without words (`lang`), or on something deleted, outside the
        window or unknown (`gone`), or its author or its target's author refuses (`refused`); the `rest` has no line.
        `dropped` counts the reasons exactly, `accounting.parquet` both. `lines.parquet` names the records that each
        line shows. Next: `cluster_stats`, `dataset`.
        """
        of_window = list_window_days(context.partition_key, days, window)
        said = open_consent_tables(in_graph=consents, since=of_window[0])
        provenance = build_provenance(
            "cluster_jsonl",
            days=of_window,
            settings=config.result_settings(),
            libraries=("duckdb", "numpy"),
            inputs=[clusters, english_users, *said.list_inputs()],
            over_window=[user_actions, english_posts, embeddings],
        )
        with measuring_time_and_memory(context.log.info) as cost:
            given = LineInputs(clusters, english_users, user_actions, english_posts, embeddings)
            made = build_lines(
                inputs := _leave_out(given, said, config, scratch.new_folder()),
                ignored=_ignored_options(config),
                max_thread_messages=config.max_thread_messages,
                line_format=config.format,
                lines_without_text=config.lines_without_text,
                memory_limit=config.memory_limit,
                scratch=scratch.new_folder(),
                day_column=parse_day(context.partition_key),
                provenance=provenance,
            )
        gaps = window_and_missing_days_metadata(
            context, user_actions=user_actions, english_posts=english_posts, embeddings=embeddings
        )
        context.log.info("%d conversations of %d users; writing", made.n_conversations, len(made.user_clusters))
        left_out = left_out_metadata(inputs.left_out, clusters)
        return dg.MaterializeResult(
            value=_as_files(made, config, clusters),
            metadata={**_describe(made, config), **left_out, **gaps, **provenance_table(provenance), **cost},
            check_results=check_lines(made, gaps, left_out, inputs),
        )

    return cluster_jsonl


def _leave_out(inputs: LineInputs, said: ConsentTables, config: ClusterJsonlConfig, scratch: Path) -> LineInputs:
    """Return the inputs with what no line may have, and without the vectors of accounts that refuse embedding."""

    def find(rows: pads.Dataset, output: str) -> LeftOut:
        rules = leave_out_rules(
            output,
            deletions=config.deletions,
            training=config.consent_training,
            synthetic_content=config.consent_synthetic_content,
            embedding=config.consent_embedding,
        )
        return find_left_out(rows, said, rules, memory_limit=config.memory_limit, scratch=scratch)

    inputs = inputs._replace(left_out=find(inputs.user_actions, "cluster_jsonl"))
    if config.add_ignored_messages:
        without_vectors = find(inputs.english_posts, "embeddings").users["user_id"]
        if len(without_vectors):
            inputs = inputs._replace(embeddings=inputs.embeddings.filter(~pc.field("user_id").isin(without_vectors)))
    return inputs


def _as_files(made: BuiltLines, config: ClusterJsonlConfig, clusters: pads.Dataset) -> ClusterFolderContents:
    tables = {name: getattr(made, name) for name in SMALL_TABLES}
    # A cluster whose users are all left out has an empty file.
    cluster_ids = pc.unique(clusters.to_table(columns=["cluster_id"])["cluster_id"]).to_pylist()
    return ClusterFolderContents(
        made.lines,
        made.user_clusters,
        tables,
        config.compression,
        made.ignored_evidence,
        frozenset(cluster_ids),
        made.line_tables,
    )


def _describe(made: BuiltLines, config: ClusterJsonlConfig) -> dict[str, Any]:
    return {
        "users": len(made.user_clusters),
        "conversations": made.n_conversations,
        "ignored_messages": made.n_ignored,
        "lines_without_text": build_count_table(made.n_without_text, of="line"),
        **_outcome_tables(made.accounting),
        "dagster/column_schema": build_column_schema(_describe_files(config)),
    }


def check_lines(
    made: BuiltLines, gaps: Mapping[str, str | int], left_out: Mapping[str, Any], inputs: LineInputs
) -> list[dg.AssetCheckResult]:
    """Check that the window has all its days, and that every action and every user is accounted for.

    Args:
        made: The lines and tables of the step.
        gaps: Metadata of `window_and_missing_days_metadata`.
        left_out: Metadata of `left_out_metadata`.
        inputs: What the lines were made from: the actions of the window, and the users of clusters.
    """
    actions, users = inputs.user_actions.count_rows(), inputs.clusters.count_rows()
    in_files, without = len(made.user_clusters), sum(row.data["count"] for row in left_out["left_out"].records)
    # Ignored messages are estimated and not in user_actions.
    accounted = sum(
        number for (action, _), number in sum_outcomes_over_clusters(made.accounting).items() if action != "ignore"
    )
    return [
        _COMPLETE.result(passed=gaps["missing_days"] == "none", **gaps),
        _ADDS_UP.result(passed=accounted == actions, actions=actions, accounted_for=accounted),
        _USERS.result(passed=in_files + without == users, users=users, in_files=in_files, left_out=without),
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
    """Return the actions by action (rows) and group of outcomes (columns)."""
    rows = {action: dict.fromkeys(HEADINGS, 0) for action, _ in totals}
    for (action, outcome), number in totals.items():
        rows[action][_choose_heading(outcome)] += number
    records = [
        dg.TableRecord(
            {"action": action.replace("_", " "), **{heading: shorten_number(number) for heading, number in row.items()}}
        )
        for action, row in rows.items()
    ]
    columns = [
        dg.TableColumn(
            heading, description=", ".join(outcomes) or "its author, or its target's author, refuses the use"
        )
        for heading, outcomes in HEADINGS.items()
    ]
    return dg.MetadataValue.table(records, dg.TableSchema([dg.TableColumn("action"), *columns]))


def _choose_heading(outcome: str) -> str:
    """Return the group of an outcome. Outcomes that an account's own statements give are named after the statement."""
    for heading, outcomes in HEADINGS.items():
        if outcome in outcomes:
            return heading
    if "author" not in outcome:
        return "rest"
    return "gone" if "account " in outcome else "refused"
