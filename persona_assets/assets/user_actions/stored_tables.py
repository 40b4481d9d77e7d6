"""The tables that `user_actions` stores, as `docs/reference/tables.md` shows them."""

from persona_assets import tables
from persona_assets.common.stored_table import StoredTable

STORED_TABLES = (
    StoredTable(
        "user_actions",
        "user_actions/<day>.parquet",
        "An action of a user. Repeated deliveries are removed.",
        tables.USER_ACTIONS,
    ),
)
