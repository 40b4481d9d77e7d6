"""The asset `clusters`."""

from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from pydantic import field_validator

from persona_assets.assets.clusters.build import CURVE, ClusteringOptions, Personas, find_personas
from persona_assets.assets.clusters.cluster_plots import plot_curve, plot_map
from persona_assets.common.checks import Check, accounting_check
from persona_assets.common.metadata import count_table, measured, provenance_table
from persona_assets.common.pictures import to_data_url
from persona_assets.common.progress import Progress
from persona_assets.common.provenance import build_provenance, with_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.parquet_tables import WithSideTables
from persona_assets.partitions import days_of_window
from persona_assets.post_vectors.duplicates import find_repeated_posts
from persona_assets.settings import ClusteringMethod, MinSizePolicy, from_setting

# Users on the map that the UI shows.
MAP_USERS = 2000
# Clusters in its table, the largest: all are in the stored tables.
MOST_SHOWN = 100
# What its table of numbers tried is of; of a number far from the best silhouette no stability is measured.
_TRIED = {"clusters": "int", "silhouette": "float", "stability": "float"}
_NOT_MEASURABLE = "not measurable: half of the users are fewer than the clusters"


_ADDS_UP = accounting_check(
    "clusters", of="user", advice="Users are in no cluster, or in two, uncounted: report this, it is a defect."
)
_LARGE_ENOUGH = Check(
    "clusters",
    "no_cluster_is_under_the_minimum",
    "A cluster has fewer users than min_cluster_size: report this, it is a defect.",
    is_error=True,
)
_APART = Check(
    "clusters",
    "silhouette_is_not_negative",
    "Users are on average nearer to another cluster than to their own: ask for fewer clusters, or have their number "
    "chosen (auto_cluster), and look at the map.",
)


class ClustersConfig(SettingsConfig):
    """How many personas, how small they may be, and how they are made."""

    # A number, a list of numbers or, as in the environment, numbers between commas: Dagster has no type for that.
    n_clusters: Any = from_setting("n_clusters", validate_default=True, pattern=None)
    auto_cluster: bool = from_setting("auto_cluster")
    min_cluster_size: int = from_setting("min_cluster_size")
    min_size_policy: MinSizePolicy = from_setting("min_size_policy")
    method: ClusteringMethod = from_setting("cluster_method")
    sharpen_users: bool = from_setting("sharpen_users")
    seed: int = from_setting("seed")
    memory_limit: str = from_setting("memory_limit")

    @field_validator("n_clusters")
    @classmethod
    def _list_levels(cls, given: Any) -> list[int]:
        parts: list[Any] = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else [given]
        numbers = [int(part) if isinstance(part, str) and part.strip().isdecimal() else part for part in parts]
        if not numbers or not all(type(number) is int and number >= 1 for number in numbers):
            raise ValueError("n_clusters must be a number from 1, or a list of such numbers")
        return sorted({int(number) for number in numbers})


def build_clusters(days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping) -> dg.AssetsDefinition:
    """Return the asset, whose inputs are the window's vectors and the day's users of that window."""

    @dg.asset(
        group_name="persona_assets",
        kinds={"python", "numpy", "parquet"},
        tags={"stage": "personas"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={"embeddings": dg.AssetIn(partition_mapping=window)},
        check_specs=[check.spec(days) for check in (_ADDS_UP, _LARGE_ENOUGH, _APART)],
    )
    def clusters(
        context: dg.AssetExecutionContext,
        config: ClustersConfig,
        scratch: dg.ResourceParam[Scratch],
        embeddings: pads.Dataset,
        english_users: pads.Dataset,
    ):
        """The personas: users of the window in clusters of those who write about the same things.

        One row is one user, with the number of its cluster (0 is the largest) and its `similarity` to the cluster's
        centre. Numbers change from day to day; `lineage` says which cluster continues which.

        - `silhouette`, -1 to 1: how well clusters are apart (Rousseeuw 1987). Above 0.5 they are clear, above 0.25
          weak. Short texts mostly give less, as topics overlap: then compare numbers of clusters with each other, and
          take the one with the highest. Below 0, users are nearer to another cluster than to their own: ask for fewer
          clusters.
        - `stability`, 0 to 1: whether the other half of the users gives the same clusters (adjusted Rand index). Above
          0.9 is excellent, above 0.8 good, above 0.65 moderate (Steinley 2004). Below that clusters depend on chance:
          ask for fewer, take a longer window, or have the number chosen (`auto_cluster`).
        - `sizes`: silhouette and similarity of each cluster. One with a low silhouette holds what fits nowhere.

        Next: `cluster_stats` says what each persona is about.
        """
        with measured() as cost:
            repeated = find_repeated_posts(embeddings, memory_limit=config.memory_limit, scratch=scratch.new_folder())
            personas = find_personas(
                embeddings,
                english_users,
                _read_options(config),
                repeated=repeated,
                note_posts=Progress(context.log.info, what="post vectors").add,
                note_choices=Progress(context.log.info, what="numbers of clusters tried").add,
            )
        made = build_provenance(
            "clusters",
            days=days_of_window(context.partition_key, days, window),
            settings=config.chosen(),
            libraries=("numpy", "scikit-learn"),
            inputs=[english_users],
            over_window=[embeddings],
        )
        side_tables = {
            "cluster_centres": personas.centres,
            "cluster_certainty": personas.certainty,
            "cluster_curve": pa.Table.from_pylist([c._asdict() for c in personas.curve], schema=CURVE),
        }
        return dg.MaterializeResult(
            value=WithSideTables(
                main=with_provenance(personas.clusters, made),
                side_tables={name: with_provenance(side, made) for name, side in side_tables.items()},
            ),
            metadata={
                **_describe(personas),
                "repeated_posts": len(repeated),
                **provenance_table(made),
                **cost,
            },
            check_results=check_clusters(personas, english_users.count_rows(), config.min_cluster_size),
        )

    return clusters


def _read_options(config: ClustersConfig) -> ClusteringOptions:
    return ClusteringOptions(
        n_clusters=() if config.auto_cluster else tuple(config.n_clusters),
        min_cluster_size=config.min_cluster_size,
        seed=config.seed,
        min_size_policy=config.min_size_policy,
        method=config.method,
        sharpen=config.sharpen_users,
    )


def check_clusters(personas: Personas, users: int, min_cluster_size: int) -> list[dg.AssetCheckResult]:
    """Return the outcome of each check of the clusters that were made of `users` users."""
    ids = personas.clusters["user_id"]
    dropped, smallest = sum(personas.dropped.values()), int(personas.centres["users"].to_numpy().min())
    silhouette = float(personas.certainty["silhouette"].to_numpy().mean(dtype=np.float64))
    return [
        _ADDS_UP.result(
            passed=len(ids) + dropped == users and len(pc.unique(ids)) == len(ids),
            users=users,
            in_clusters=len(ids),
            dropped=dropped,
        ),
        _LARGE_ENOUGH.result(
            passed=smallest >= min_cluster_size, smallest_cluster=smallest, min_cluster_size=min_cluster_size
        ),
        # There is none of a single cluster.
        _APART.result(passed=not silhouette < 0, silhouette=_round(silhouette)),
    ]


def _describe(personas: Personas) -> dict[str, Any]:
    """Return numbers and pictures of the clusters; what says nothing about a single one is left out."""
    sizes = personas.centres["users"].to_numpy()
    similarity = personas.clusters["similarity"].to_numpy()
    metadata: dict[str, Any] = {
        "n_clusters": len(sizes),
        "smallest_cluster": int(sizes.min()),
        "sizes": _sizes_table(personas),
        "mean_similarity": _round(similarity.mean(dtype=np.float64)),
        "dropped": count_table(personas.dropped, of="reason"),
        "map": _picture("users by cluster", _draw_map(personas)),
    }
    if len(sizes) > 1:
        metadata["silhouette"] = _round(personas.certainty["silhouette"].to_numpy().mean(dtype=np.float64))
        stability = personas.stability
        metadata["stability"] = _NOT_MEASURABLE if stability is None else _round(stability)
    if personas.curve:
        metadata["curve"] = _picture("silhouette by number", plot_curve(personas.curve, len(sizes)))
        metadata["tried"] = _tried_table(personas)
    return metadata


def _tried_table(personas: Personas) -> dg.TableMetadataValue:
    records = [
        {"clusters": n, "silhouette": _round(silhouette), "stability": None if stability is None else _round(stability)}
        for n, silhouette, stability in personas.curve
    ]
    columns = [dg.TableColumn(name, kind) for name, kind in _TRIED.items()]
    return dg.MetadataValue.table([dg.TableRecord(record) for record in records], dg.TableSchema(columns))


def _sizes_table(personas: Personas) -> dg.TableMetadataValue:
    users = personas.centres["users"].to_numpy()
    labels = personas.clusters["cluster_id"].to_numpy()
    similarity = np.bincount(labels, personas.clusters["similarity"].to_numpy()) / users
    silhouette = np.bincount(labels, personas.certainty["silhouette"].to_numpy()) / users
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "cluster": cluster,
                    "users": int(size),
                    "share": _round(size / users.sum()),
                    "cosine": _round(similarity[cluster]),
                    "silhouette": _round(silhouette[cluster]),
                }
            )
            for cluster, size in enumerate(users[:MOST_SHOWN])
        ]
    )


def _draw_map(personas: Personas) -> bytes:
    """Draw every so manyth user, in order of id: which these are says nothing about them."""
    step = -(-len(personas.fitted) // MAP_USERS)
    return plot_map(personas.fitted[::step], personas.clusters["cluster_id"].to_numpy()[::step])


def _picture(of: str, png: bytes) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"![{of}]({to_data_address(png)})")


def _round(number: Any) -> float:
    return round(float(number), 4)
