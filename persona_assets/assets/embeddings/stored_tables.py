"""The descriptions of the tables that `embeddings` stores, for `docs/reference/tables.md`."""

from persona_assets import tables
from persona_assets.common.stored_table import DIMENSIONS, StoredTable

STORED_TABLES = (
    StoredTable(
        "embeddings",
        "embeddings/<day>.parquet",
        f"A post of `english_posts` and its vector, here with the default model's {DIMENSIONS} dimensions.",
        tables.embeddings_schema(DIMENSIONS),
    ),
)
