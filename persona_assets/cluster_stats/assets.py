"""The asset `cluster_stats`."""

import dagster as dg
import pyarrow.dataset as pads
from pydantic import Field

from persona_assets.cluster_stats.report import png_address, write_report
from persona_assets.cluster_stats.summarise import Inputs, summarise_clusters
from persona_assets.io_managers.jsonl import ClusterFolder
from persona_assets.metadata import measured
from persona_assets.progress import Progress
from persona_assets.scratch import Scratch
from persona_assets.settings import describe, setting


class ClusterStatsConfig(dg.Config):
    """What the report shows."""

    show_posts: bool = Field(default_factory=setting("show_posts"), description=describe("show_posts"))
    seed: int = Field(default_factory=setting("seed"), ge=0, description=describe("seed"))
    memory_limit: str = Field(default_factory=setting("memory_limit"), description=describe("memory_limit"))


def build_cluster_stats(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping
) -> dg.AssetsDefinition:
    """Return the asset, whose inputs are the day's clusters and the window's English posts and vectors."""

    @dg.asset(
        group_name="cluster_stats",
        kinds={"python", "gensim", "html"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={
            "english_posts": dg.AssetIn(partition_mapping=window),
            "embeddings": dg.AssetIn(partition_mapping=window),
        },
        io_manager_key="report_io_manager",
    )
    def cluster_stats(  # noqa: PLR0913, PLR0917 - an argument an input is how Dagster draws lineage
        context: dg.AssetExecutionContext,
        config: ClusterStatsConfig,
        scratch: dg.ResourceParam[Scratch],
        cluster_jsonl: ClusterFolder,
        clusters: pads.Dataset,
        english_posts: pads.Dataset,
        embeddings: pads.Dataset,
    ):
        """What each persona is about: counts of actions, top words, typical posts, topics; a report to look at."""
        with measured() as cost:
            summary = summarise_clusters(
                Inputs(
                    cluster_jsonl.beside("accounting"),
                    cluster_jsonl.beside("actions_by_hour"),
                    cluster_jsonl.beside("actions_per_user"),
                    clusters,
                    english_posts,
                    embeddings,
                ),
                seed=config.seed,
                memory_limit=config.memory_limit,
                scratch=scratch.new_folder(),
                note=Progress(context.log.info, what="clusters searched for topics").add,
            )
            report = write_report(summary, day=context.partition_key, show_posts=config.show_posts)
        return dg.MaterializeResult(
            value=report.files,
            metadata={
                "personas": dg.MetadataValue.md(report.personas_markdown),
                "cluster_sizes": dg.MetadataValue.md(f"![users of each cluster]({png_address(report.sizes_png)})"),
                "actions_without_persona": summary.without_persona["total"],
                **cost,
            },
        )

    return cluster_stats
