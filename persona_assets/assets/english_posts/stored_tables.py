"""The tables that `english_posts` stores, as `docs/reference/tables.md` shows them."""

from persona_assets import tables
from persona_assets.common.stored_table import StoredTable

STORED_TABLES = (
    StoredTable(
        "english_posts",
        "english_posts/<day>.parquet",
        "A post, reply or quote in English, or in the language of `PERSONA_LANGUAGE`.",
        tables.ENGLISH_POSTS,
    ),
)
