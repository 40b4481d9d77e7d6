"""The descriptions of the tables that `clusters` stores, for `docs/reference/tables.md`."""

from persona_assets import tables
from persona_assets.assets.clusters.build import CERTAINTY, CURVE
from persona_assets.common.stored_table import DIMENSIONS, StoredTable

STORED_TABLES = (
    StoredTable("clusters", "clusters/<day>.parquet", "A user of the window and its cluster.", tables.CLUSTERS),
    StoredTable(
        "cluster_certainty",
        "cluster_certainty/<day>.parquet",
        "A user of `clusters`: how clearly it belongs to its cluster.",
        CERTAINTY,
    ),
    StoredTable(
        "cluster_centres",
        "cluster_centres/<day>.parquet",
        "A cluster and the mean of its users' vectors.",
        tables.centres_schema(DIMENSIONS),
    ),
    StoredTable(
        "cluster_curve",
        "cluster_curve/<day>.parquet",
        "A number of clusters that was tried. Only for days with `PERSONA_AUTO_CLUSTER=true`.",
        CURVE,
    ),
)
