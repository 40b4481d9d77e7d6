"""The asset `clusters`."""

from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from pydantic import field_validator

from persona_assets.assets.clusters.build import CURVE, ClusteringOptions, ClusteringResult, cluster_users
from persona_assets.assets.clusters.cluster_plots import plot_silhouette_curve
from persona_assets.common.checks import Check, build_accounting_check
from persona_assets.common.consent_settings import Deletions
from persona_assets.common.database import QueryOptions
from persona_assets.common.metadata import build_count_table, measuring_time_and_memory, provenance_table
from persona_assets.common.pictures import to_data_url
from persona_assets.common.provenance import build_provenance, with_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.consent.left_out import LeaveOutRules, find_left_out, leave_out_rules
from persona_assets.consent.purposes import UndefinedMeans
from persona_assets.io_managers.consent_tables import open_consent_tables
from persona_assets.io_managers.parquet_tables import WithSideTables
from persona_assets.partitions import list_window_days
from persona_assets.post_vectors.repeated_uris import find_repeated_uris
from persona_assets.post_vectors.user_vectors import require_memory_for_users
from persona_assets.settings import ClusteringMethod, MinSizePolicy, from_setting

# Maximum number of clusters in the UI's table `sizes`, the largest ones. The stored tables have all.
MAX_ROWS_SHOWN = 100
# Columns of the UI's table `tried` and their types. Stability is only measured for numbers near the best silhouette.
_TRIED = {"clusters": "int", "silhouette": "float", "stability": "float"}
_NOT_MEASURABLE = "not measurable: half of the users are fewer than the clusters"


_ADDS_UP = build_accounting_check(
    "clusters",
    of="user",
    advice="A user is in no cluster without being counted as dropped, or is in two: report this, it is a defect.",
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
    "Users are on average nearer to another cluster than to their own: ask for fewer clusters, or let the number be "
    "chosen (auto_cluster), and look at the map in the report.",
)


class ClustersConfig(SettingsConfig):
    """Run config of `clusters`: number of clusters, minimum size, method, seed, who is left out, memory limit."""

    # A number, a list of numbers, or a string of numbers separated by commas, as in the environment. Dagster's config
    # has no such union type.
    n_clusters: Any = from_setting("n_clusters", validate_default=True, pattern=None)
    auto_cluster: bool = from_setting("auto_cluster")
    min_cluster_size: int = from_setting("min_cluster_size")
    min_size_policy: MinSizePolicy = from_setting("min_size_policy")
    method: ClusteringMethod = from_setting("cluster_method")
    whiten_users: bool = from_setting("whiten_users")
    seed: int = from_setting("seed")
    consent_embedding: UndefinedMeans = from_setting("consent_embedding")
    deletions: Deletions = from_setting("deletions")
    memory_limit: str = from_setting("memory_limit")

    @field_validator("n_clusters")
    @classmethod
    def _parse_levels(cls, given: Any) -> list[int]:
        """Return the distinct numbers of clusters, ascending."""
        parts: list[Any] = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else [given]
        numbers = [int(part) if isinstance(part, str) and part.strip().isdecimal() else part for part in parts]
        if not numbers or not all(type(number) is int and number >= 1 for number in numbers):
            raise ValueError("n_clusters must be a number from 1, or a list of such numbers")
        return sorted({int(number) for number in numbers})


def build_clusters(
    days: dg.DailyPartitionsDefinition, embeddings_window: dg.TimeWindowPartitionMapping, *, consents: bool = False
) -> dg.AssetsDefinition:
    """Build the asset `clusters`: the cluster of each user of a window, by the mean vector of its posts.

    Args:
        days: Its daily partitions.
        embeddings_window: Maps a day to the days whose `embeddings` it reads.
        consents: Whether the graph has the asset `consents`, which then says who is left out.
    """

    @dg.asset(
        group_name="persona_assets",
        kinds={"python", "numpy", "parquet"},
        tags={"stage": "personas"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={"embeddings": dg.AssetIn(partition_mapping=embeddings_window)},
        deps=["consents"] if consents else [],
        check_specs=[check.spec(days) for check in (_ADDS_UP, _LARGE_ENOUGH, _APART)],
    )
    def clusters(
        context: dg.AssetExecutionContext,
        config: ClustersConfig,
        scratch: dg.ResourceParam[Scratch],
        embeddings: pads.Dataset,
        english_users: pads.Dataset,
    ):
        """The personas: users of the window, clustered by what they write about.

        One row is one user, with the number of its cluster (0 is the largest) and its cosine `similarity` to the
        cluster's centre. Numbers change from day to day; `lineage` says which cluster continues which.

        - `silhouette`, -1 to 1: how well clusters are separated (Rousseeuw 1987). Above 0.5 they are clear, above 0.25
          weak. Short texts mostly give less, as topics overlap: then compare numbers of clusters with each other, and
          take the one with the highest. Below 0, users are nearer to another cluster than to their own: ask for fewer
          clusters.
        - `stability`, 0 to 1: how well clusterings of two halves of the users agree (adjusted Rand index). Above 0.9 is
          excellent, above 0.8 good, above 0.65 moderate (Steinley 2004). Below that clusters depend on chance: ask for
          fewer, take a longer window, or let the number be chosen (`auto_cluster`).
        - `sizes`: silhouette and similarity of each cluster. A cluster with a low silhouette often collects users who
          fit no other cluster.

        `dropped` counts users who have no vector or refuse embedding, by reason. Next: `cluster_stats` says what each
        persona is about.
        """
        require_memory_for_users(english_users.count_rows(), config.memory_limit)
        of_window = list_window_days(context.partition_key, days, embeddings_window)
        with measuring_time_and_memory(context.log.info) as cost:
            work = QueryOptions(memory_limit=config.memory_limit, scratch=scratch.new_folder())
            repeated = find_repeated_uris(embeddings, **work)
            said = open_consent_tables(in_graph=consents, since=of_window[0])
            left_out = find_left_out(embeddings, said, _read_rules(config), **work)
            clustering = cluster_users(
                embeddings,
                english_users,
                _read_options(config),
                repeated_uris=repeated,
                left_out=left_out,
                work=work,
            )
        made = build_provenance(
            "clusters",
            days=of_window,
            settings=config.result_settings(),
            libraries=("numpy", "scikit-learn"),
            inputs=[english_users, *said.list_inputs()],
            over_window=[embeddings],
        )
        return dg.MaterializeResult(
            value=WithSideTables(
                main=with_provenance(clustering.clusters, made),
                side_tables={name: with_provenance(side, made) for name, side in _list_side_tables(clustering).items()},
            ),
            metadata={**_describe(clustering), "repeated_posts": len(repeated), "deleted_posts": len(left_out.posts)}
            | {**provenance_table(made), **cost},
            check_results=check_clusters(clustering, english_users.count_rows(), config.min_cluster_size),
        )

    return clusters


def _list_side_tables(clustering: ClusteringResult) -> dict[str, pa.Table]:
    return {
        "cluster_centres": clustering.centres,
        "cluster_certainty": clustering.certainty,
        "cluster_curve": pa.Table.from_pylist([c._asdict() for c in clustering.numbers_tried], schema=CURVE),
    }


def _read_rules(config: ClustersConfig) -> LeaveOutRules:
    return leave_out_rules("clusters", deletions=config.deletions, embedding=config.consent_embedding)


def _read_options(config: ClustersConfig) -> ClusteringOptions:
    return ClusteringOptions(
        n_clusters=() if config.auto_cluster else tuple(config.n_clusters),
        min_cluster_size=config.min_cluster_size,
        seed=config.seed,
        min_size_policy=config.min_size_policy,
        method=config.method,
        whiten=config.whiten_users,
    )


def check_clusters(clustering: ClusteringResult, n_users: int, min_cluster_size: int) -> list[dg.AssetCheckResult]:
    """Check that users kept + dropped = users read, no cluster is too small, and the mean silhouette is not negative.

    Args:
        clustering: The clusters.
        n_users: Number of rows of `english_users`.
        min_cluster_size: The minimum size that was asked for.
    """
    ids = clustering.clusters["user_id"]
    dropped, smallest = sum(clustering.dropped.values()), int(clustering.centres["users"].to_numpy().min())
    silhouette = float(clustering.certainty["silhouette"].to_numpy().mean(dtype=np.float64))
    return [
        _ADDS_UP.result(
            passed=len(ids) + dropped == n_users and len(pc.unique(ids)) == len(ids),
            users=n_users,
            in_clusters=len(ids),
            dropped=dropped,
        ),
        _LARGE_ENOUGH.result(
            passed=smallest >= min_cluster_size, smallest_cluster=smallest, min_cluster_size=min_cluster_size
        ),
        # A single cluster has no silhouette: it is stored as 0, and passes.
        _APART.result(passed=not silhouette < 0, silhouette=_round(silhouette)),
    ]


def _describe(clustering: ClusteringResult) -> dict[str, Any]:
    """Return the metadata of the materialization; measures that need two clusters are left out for a single one."""
    sizes = clustering.centres["users"].to_numpy()
    similarity = clustering.clusters["similarity"].to_numpy()
    metadata: dict[str, Any] = {
        "n_clusters": len(sizes),
        "smallest_cluster": int(sizes.min()),
        "sizes": _sizes_table(clustering),
        "mean_similarity": _round(similarity.mean(dtype=np.float64)),
        "dropped": build_count_table(clustering.dropped, of="reason"),
    }
    if len(sizes) > 1:
        metadata["silhouette"] = _round(clustering.certainty["silhouette"].to_numpy().mean(dtype=np.float64))
        stability = clustering.stability
        metadata["stability"] = _NOT_MEASURABLE if stability is None else _round(stability)
    if clustering.numbers_tried:
        metadata["curve"] = _picture(
            "silhouette by number", plot_silhouette_curve(clustering.numbers_tried, len(sizes))
        )
        metadata["tried"] = _tried_table(clustering)
    return metadata


def _tried_table(clustering: ClusteringResult) -> dg.TableMetadataValue:
    records = [
        {"clusters": n, "silhouette": _round(silhouette), "stability": None if stability is None else _round(stability)}
        for n, silhouette, stability in clustering.numbers_tried
    ]
    columns = [dg.TableColumn(name, kind) for name, kind in _TRIED.items()]
    return dg.MetadataValue.table([dg.TableRecord(record) for record in records], dg.TableSchema(columns))


def _sizes_table(clustering: ClusteringResult) -> dg.TableMetadataValue:
    users = clustering.centres["users"].to_numpy()
    labels = clustering.clusters["cluster_id"].to_numpy()
    similarity = np.bincount(labels, clustering.clusters["similarity"].to_numpy()) / users
    silhouette = np.bincount(labels, clustering.certainty["silhouette"].to_numpy()) / users
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
            for cluster, size in enumerate(users[:MAX_ROWS_SHOWN])
        ]
    )


def _picture(of: str, png: bytes) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"![{of}]({to_data_url(png)})")


def _round(number: Any) -> float:
    return round(float(number), 4)
