"""The tables that `lineage` stores, as `docs/reference/tables.md` shows them."""

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
