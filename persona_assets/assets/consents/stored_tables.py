"""The table that `consents` stores, as `docs/reference/tables.md` shows it."""

from persona_assets.common.stored_table import StoredTable
from persona_assets.consent.schemas import CONSENTS

STORED_TABLES = (
    StoredTable(
        "consents",
        "consents.parquet",
        "An account that made a statement on any day, and what it allows now.",
        CONSENTS,
    ),
)
