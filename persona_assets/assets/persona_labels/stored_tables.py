"""The tables that `persona_labels` stores, as `docs/reference/tables.md` shows them."""

from persona_assets import tables
from persona_assets.assets.persona_labels.carry_names import PERSONA_LABELS
from persona_assets.common.stored_table import StoredTable

tables.declare_schema("persona_labels", PERSONA_LABELS)

STORED_TABLES = (
    StoredTable("persona_labels", "persona_labels.parquet", "A persona on a day, and its name.", PERSONA_LABELS),
)
