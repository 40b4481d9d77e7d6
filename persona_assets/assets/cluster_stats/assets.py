"""Dagster definition of the asset `cluster_stats`: inputs, run config, checks and metadata."""

from collections import defaultdict
from itertools import islice
from typing import Any, NamedTuple

import dagster as dg
import numpy as np
import pyarrow.dataset as pads
from upath import UPath

from persona_assets.assets.cluster_stats.identities import PersonaIdentity, find_cluster_identities
from persona_assets.assets.cluster_stats.inspect_lines import inspect_lines
from persona_assets.assets.cluster_stats.map_positions import read_earlier_map
from persona_assets.assets.cluster_stats.page_context import PageContext
from persona_assets.assets.cluster_stats.persona_groups import list_coarser_clusters
from persona_assets.assets.cluster_stats.persona_history import find_persona_history
from persona_assets.assets.cluster_stats.report_files import CLUSTER_STATS, ReportFiles, render_report
from persona_assets.assets.cluster_stats.summarise import ReportInputs, WindowSummary, summarise_clusters
from persona_assets.assets.cluster_stats.typical_threads import choose_typical_thread
from persona_assets.command_line.serve_reports import report_url
from persona_assets.common.checks import Check, build_accounting_check
from persona_assets.common.columns import describe_columns
from persona_assets.common.consent_settings import Deletions
from persona_assets.common.metadata import build_column_schema, measuring_time_and_memory, provenance_table
from persona_assets.common.pictures import to_data_url
from persona_assets.common.progress import phase
from persona_assets.common.provenance import Provenance, build_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.consent.left_out import ConsentTables, LeftOut, find_left_out, leave_out_rules
from persona_assets.consent.purposes import UndefinedMeans
from persona_assets.io_managers.consent_tables import left_out_metadata, open_consent_tables
from persona_assets.io_managers.parquet_tables import DatasetWithSideTables, metadata_to_load_side_tables
from persona_assets.io_managers.persona_files import SMALL_TABLES, ClusterFolder
from persona_assets.partitions import list_window_days, parse_day
from persona_assets.post_vectors.user_vectors import require_memory_for_users
from persona_assets.settings import from_setting, read_settings

# Number of lines of each file that the check reads.
_LINES_CHECKED = 1000

_ADDS_UP = build_accounting_check(
    "cluster_stats",
    of="user",
    advice="The users of all personas are not those of clusters: report this, it is a defect.",
)
_LINES_MATCH = Check(
    "cluster_stats",
    "lines_parse_and_match_their_cluster",
    f"Among the first {_LINES_CHECKED} lines of each cluster_N.jsonl some are not JSON with "
    "messages, or have no message or action by a user of the cluster: materialize cluster_jsonl again.",
    is_error=True,
)


_NAMED = Check(
    "cluster_stats",
    "names_are_of_these_clusters",
    "persona_labels has no names for these clusters, which were made again since. The report shows their best words "
    "and no numbers of personas: materialize lineage and persona_labels, then this day again.",
)


class ClusterStatsConfig(SettingsConfig):
    """Run config of `cluster_stats`: whether posts are shown, stop words, seed, who is left out, and memory limit."""

    show_posts: bool = from_setting("show_posts")
    language: str = from_setting("language")
    seed: int = from_setting("seed")
    consent_embedding: UndefinedMeans = from_setting("consent_embedding")
    consent_inference: UndefinedMeans = from_setting("consent_inference")
    deletions: Deletions = from_setting("deletions")
    memory_limit: str = from_setting("memory_limit")


def build_cluster_stats(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping, *, consents: bool = False
) -> dg.AssetsDefinition:
    """Build the asset `cluster_stats`: a report with counts, words, typical posts and topics of each cluster.

    Args:
        days: Its daily partitions.
        window: The partition mapping from a day to the days of its window.
        consents: Whether the graph has the asset `consents`, which then says who is left out.
    """

    @dg.asset(
        group_name="persona_assets",
        kinds={"python", "duckdb", "html"},
        tags={"stage": "results"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={
            "clusters": dg.AssetIn(metadata=metadata_to_load_side_tables("cluster_certainty")),
            **{name: dg.AssetIn(partition_mapping=window) for name in ("english_posts", "embeddings")},
        },
        deps=["consents"] if consents else [],
        io_manager_key="report_io_manager",
        check_specs=[check.spec(days) for check in (_ADDS_UP, _LINES_MATCH, _NAMED)],
    )
    def cluster_stats(  # noqa: PLR0913, PLR0917 - one parameter for each input
        context: dg.AssetExecutionContext,
        config: ClusterStatsConfig,
        scratch: dg.ResourceParam[Scratch],
        cluster_jsonl: ClusterFolder,
        clusters: DatasetWithSideTables,
        english_posts: pads.Dataset,
        embeddings: pads.Dataset,
        lineage: pads.Dataset,
        persona_labels: pads.Dataset,
    ):
        """What each persona is about: a report with sizes, words, typical posts, topics and a map.

        The link `report` opens it, where reports are served. The folder also has the numbers for a program
        (`stats.json`) and a table with one row for each persona (`cluster_stats.parquet`). One report is of one day's
        personas. If two personas have the same words, ask `clusters` for fewer; if one has words of everything, ask for
        more. Accounts that refuse embedding or inference, and deleted posts, are neither shown nor among the words.
        Next: read typical posts before giving a persona a name.
        """
        require_memory_for_users(clusters.main.count_rows(), config.memory_limit)
        of_window = list_window_days(context.partition_key, days, window)
        said = open_consent_tables(in_graph=consents, since=of_window[0])
        left_out = _find_left_out(english_posts, said, config, scratch)
        inputs = _Inputs(cluster_jsonl, clusters, english_posts, embeddings, lineage, persona_labels, left_out)
        provenance = build_provenance(
            "cluster_stats",
            days=of_window,
            settings=config.result_settings(),
            libraries=("duckdb", "matplotlib", "numpy", "scikit-learn", "scipy"),
            inputs=[cluster_jsonl.read_table("accounting").schema, clusters.main, *said.list_inputs()],
            over_window=[english_posts, embeddings],
        )
        with measuring_time_and_memory(context.log.info) as cost:
            report, summary, identities, begins_with = _make_report(context, config, scratch, inputs, provenance)
        users = sum(cluster.counts["users"] for cluster in summary.clusters)
        return dg.MaterializeResult(
            value=report.files,
            metadata=_describe(report, context.partition_key)
            | {"actions_without_persona": summary.without_persona["total"], "map_begins_with": begins_with}
            | left_out_metadata(left_out, clusters.main)
            | provenance_table(provenance)
            | cost,
            check_results=[
                _check_users(users, clusters.main.count_rows()),
                _check_lines(cluster_jsonl),
                _NAMED.result(passed=identities is not None),
            ],
        )

    return cluster_stats


class _Inputs(NamedTuple):
    cluster_jsonl: ClusterFolder
    clusters: DatasetWithSideTables
    english_posts: pads.Dataset
    embeddings: pads.Dataset
    lineage: pads.Dataset
    persona_labels: pads.Dataset
    left_out: LeftOut


class _Made(NamedTuple):
    report: ReportFiles
    summary: WindowSummary
    identities: list[PersonaIdentity] | None
    map_begins_with: str


def _make_report(
    context: dg.AssetExecutionContext,
    config: ClusterStatsConfig,
    scratch: Scratch,
    inputs: _Inputs,
    provenance: Provenance,
) -> _Made:
    day = parse_day(context.partition_key)
    earlier = read_earlier_map(UPath(read_settings().data).absolute() / "cluster_stats", day)
    action_accounting, actions_by_hour, medians_per_user = (
        inputs.cluster_jsonl.read_table(name) for name in SMALL_TABLES
    )
    summary = summarise_clusters(
        ReportInputs(
            action_accounting,
            actions_by_hour,
            medians_per_user,
            inputs.clusters.main,
            inputs.english_posts,
            inputs.embeddings,
            inputs.left_out,
        ),
        language=config.language,
        seed=config.seed,
        memory_limit=config.memory_limit,
        scratch=scratch.new_folder(),
        earlier=earlier,
    )
    users = [cluster.counts["users"] for cluster in summary.clusters]
    identities = find_cluster_identities(inputs.persona_labels, day, users)
    names = inputs.persona_labels.to_table()
    page = PageContext(
        find_persona_history(inputs.lineage.to_table(), names, day) if are_personas_known(identities) else None,
        _choose_threads(inputs.cluster_jsonl, summary, inputs.left_out) if config.show_posts else (),
        _read_paths(inputs.clusters, len(users)),
        earlier.begins_with,
    )
    with phase("drawing the report"):
        report = render_report(
            summary,
            day=context.partition_key,
            show_posts=config.show_posts,
            identities=identities,
            provenance=provenance,
            context=page,
        )
    return _Made(report, summary, identities, earlier.begins_with)


def _find_left_out(
    english_posts: pads.Dataset, said: ConsentTables, config: ClusterStatsConfig, scratch: Scratch
) -> LeftOut:
    embedding, inference = config.consent_embedding, config.consent_inference
    rules = leave_out_rules("cluster_stats", deletions=config.deletions, embedding=embedding, inference=inference)
    return find_left_out(english_posts, said, rules, memory_limit=config.memory_limit, scratch=scratch.new_folder())


def are_personas_known(identities: list[PersonaIdentity] | None) -> bool:
    """Return whether `lineage` gives every cluster of the day a `persona_id`."""
    return identities is not None and all(identity.persona_id is not None for identity in identities)


def _read_paths(clusters: DatasetWithSideTables, n_clusters: int) -> list[list[int]]:
    """Return the coarser clusters of each cluster, coarsest first; empty lists if there is one level."""
    of_users = clusters.side_tables["cluster_certainty"].to_table(columns=["user_id", "levels"]).sort_by("user_id")
    levels: list[list[int]] = of_users["levels"].to_pylist()
    return list_coarser_clusters(levels, np.array([path[-1] for path in levels], np.int64), n_clusters)


def _choose_threads(folder: ClusterFolder, summary: WindowSummary, left_out: LeftOut) -> list[Any]:
    members: defaultdict[int, set[str]] = defaultdict(set)
    for user, cluster in folder.read_user_clusters().items():
        members[cluster].add(user)
    words = [[word.word for word in cluster.words] for cluster in summary.clusters]
    refusing = frozenset(left_out.users["user_id"].to_pylist())
    return [
        choose_typical_thread(folder.read_lines(number), members[number], of, left_out=refusing)
        for number, of in enumerate(words)
    ]


def _describe(report: ReportFiles, day: str) -> dict[str, Any]:
    return {
        **_link_report(day),
        "personas": _persona_table(report.largest_personas),
        "cluster_sizes": dg.MetadataValue.md(f"![users of each cluster]({to_data_url(report.sizes_png)})"),
        "dagster/column_schema": build_column_schema(describe_columns(CLUSTER_STATS)),
    }


def _link_report(day: str) -> dict[str, dg.MetadataValue[Any]]:
    """Return metadata that links the report and shows its map; empty if no server of reports is configured.

    The map is Markdown, which the UI renders in place if it is short.
    """
    settings = read_settings()
    report, user_map = (report_url(settings, day, name) for name in ("report.html", "map_small.png"))
    if report is None:
        return {}
    return {
        "report": dg.MetadataValue.url(report),
        "map": dg.MetadataValue.md(f"[![users by cluster]({user_map})]({report})"),
    }


def _persona_table(personas: list[dict[str, Any]]) -> dg.TableMetadataValue:
    columns = [
        *(dg.TableColumn(name, "int") for name in ("persona", "cluster")),
        dg.TableColumn("name"),
        dg.TableColumn("users", "int"),
        *map(dg.TableColumn, ("share", "words")),
    ]
    return dg.MetadataValue.table([dg.TableRecord(persona) for persona in personas], dg.TableSchema(columns))


def _check_users(counted: int, users: int) -> dg.AssetCheckResult:
    return _ADDS_UP.result(passed=counted == users, users=users, counted=counted)


def _check_lines(folder: ClusterFolder) -> dg.AssetCheckResult:
    users_of: defaultdict[int, set[str]] = defaultdict(set)
    for user, cluster in folder.read_user_clusters().items():
        users_of[cluster].add(user)
    found = [
        inspect_lines(islice(folder.read_lines(cluster), _LINES_CHECKED), users) for cluster, users in users_of.items()
    ]
    lines, unreadable, of_no_member = (sum(counts) for counts in zip(*found, strict=True)) if found else (0, 0, 0)
    return _LINES_MATCH.result(
        passed=not unreadable + of_no_member, lines=lines, unreadable=unreadable, of_no_member=of_no_member
    )
