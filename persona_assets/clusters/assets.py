"""The asset `clusters`."""

from typing import Any

import dagster as dg
import numpy as np
import pyarrow.dataset as pads
from pydantic import Field

from persona_assets.clusters.personas import Personas, Wanted, find_personas
from persona_assets.io_managers.parquet import WithSides
from persona_assets.metadata import count_table, measured
from persona_assets.progress import Progress
from persona_assets.settings import describe, setting


class ClustersConfig(dg.Config):
    """How many personas, and how small they may be."""

    n_clusters: int = Field(default_factory=setting("n_clusters"), ge=1, description=describe("n_clusters"))
    auto_cluster: bool = Field(default_factory=setting("auto_cluster"), description=describe("auto_cluster"))
    min_cluster_size: int = Field(
        default_factory=setting("min_cluster_size"), ge=1, description=describe("min_cluster_size")
    )
    seed: int = Field(default_factory=setting("seed"), ge=0, description=describe("seed"))


def build_clusters(days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping) -> dg.AssetsDefinition:
    """Return the asset, whose inputs are the window's vectors and the day's users of that window."""

    @dg.asset(
        group_name="clusters",
        kinds={"python", "numpy", "parquet"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={"embeddings": dg.AssetIn(partition_mapping=window)},
    )
    def clusters(
        context: dg.AssetExecutionContext,
        config: ClustersConfig,
        embeddings: pads.Dataset,
        english_users: pads.Dataset,
    ):
        """The window's users in clusters of those who write about the same things, and how well each fits."""
        wanted = Wanted(
            n_clusters=None if config.auto_cluster else config.n_clusters,
            min_cluster_size=config.min_cluster_size,
            seed=config.seed,
        )
        with measured() as cost:
            personas = find_personas(
                embeddings,
                english_users,
                wanted,
                note_posts=Progress(context.log.info, what="post vectors").add,
                note_choices=Progress(context.log.info, what="numbers of clusters tried").add,
            )
        return dg.MaterializeResult(
            value=WithSides(main=personas.clusters, sides={"centres": personas.centres}),
            metadata={**_describe(personas), **cost},
        )

    return clusters


def _describe(personas: Personas) -> dict[str, Any]:
    """Return numbers about the clusters; a silhouette says nothing about a single one and is left out."""
    sizes = personas.centres["users"].to_numpy()
    labels = personas.clusters["cluster_id"].to_numpy()
    similarity = np.bincount(labels, personas.clusters["similarity"].to_numpy()) / sizes
    silhouette = np.bincount(labels, personas.silhouette) / sizes
    rows = [
        dg.TableRecord(
            {
                "cluster": cluster,
                "users": int(users),
                "share": round(float(users / sizes.sum()), 4),
                "mean similarity": round(float(similarity[cluster]), 4),
                "silhouette": round(float(silhouette[cluster]), 4),
            }
        )
        for cluster, users in enumerate(sizes)
    ]
    metadata = {
        "n_clusters": len(sizes),
        "smallest_cluster": int(sizes.min()),
        "sizes": dg.MetadataValue.table(rows),
        "mean_similarity": round(float(np.average(similarity, weights=sizes)), 4),
        "dropped": count_table(personas.dropped, of="reason"),
    }
    if len(sizes) > 1:
        metadata["silhouette"] = round(float(personas.silhouette.mean(dtype=np.float64)), 4)
    if personas.curve:
        tried = [
            dg.TableRecord({"clusters": c.n_clusters, "silhouette": round(c.silhouette, 4)}) for c in personas.curve
        ]
        metadata["silhouette_by_n_clusters"] = dg.MetadataValue.table(tried)
    return metadata
