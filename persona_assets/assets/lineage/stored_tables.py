"""The descriptions of the tables that `lineage` stores, for `docs/reference/tables.md`."""

from persona_assets import tables
from persona_assets.common.stored_table import StoredTable

STORED_TABLES = (
    StoredTable(
        "lineage",
        "lineage.parquet",
        "A cluster of a day and its persona, or a persona that ended on that day.",
        tables.LINEAGE,
    ),
)
