"""The tables that `english_users` stores, as `docs/reference/tables.md` shows them."""

from persona_assets import tables
from persona_assets.common.stored_table import StoredTable

STORED_TABLES = (
    StoredTable(
        "english_users",
        "english_users/<day>.parquet",
        "A user with at least `PERSONA_MIN_ENGLISH_POSTS` English posts in the window that ends at the day.",
        tables.ENGLISH_USERS,
    ),
)
