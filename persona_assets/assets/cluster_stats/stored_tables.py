"""The tables that `cluster_stats` stores, as `docs/reference/tables.md` shows them."""

from persona_assets.assets.cluster_stats.map_positions import MAP_POSITIONS
from persona_assets.assets.cluster_stats.report_files import CLUSTER_STATS
from persona_assets.common.stored_table import StoredTable

STORED_TABLES = (
    StoredTable(
        "cluster_stats",
        "cluster_stats/<day>/cluster_stats.parquet",
        "A cluster and its counts.",
        CLUSTER_STATS,
    ),
    StoredTable(
        "map_positions",
        "cluster_stats/<day>/map_positions.parquet",
        "A user on the map of the report and its position.",
        MAP_POSITIONS,
    ),
)
