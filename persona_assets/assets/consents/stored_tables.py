"""The tables that `consents` stores, as `docs/reference/tables.md` shows them."""

from persona_assets.common.stored_table import StoredTable
from persona_assets.consent.schemas import COMPACTED_STATEMENTS, CONSENTS

STORED_TABLES = (
    StoredTable(
        "consents",
        "consents.parquet",
        "An account that made a statement on any day, and what it allows now.",
        CONSENTS,
    ),
    StoredTable(
        "compacted_statements",
        "compacted_statements.parquet",
        "A statement of `consent_records` that can count for `consents`; no file up to 31 days. It may be deleted.",
        COMPACTED_STATEMENTS,
    ),
)
