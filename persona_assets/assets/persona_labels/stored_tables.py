"""The tables that `persona_labels` stores, as `docs/reference/tables.md` shows them."""

import pyarrow as pa

from persona_assets import tables
from persona_assets.common.columns import column, required_column
from persona_assets.common.stored_table import StoredTable

PERSONA_LABELS = tables.declare(
    "persona_labels",
    pa.schema(
        [
            required_column("day", pa.date32(), "The day (UTC) with which the window ends."),
            required_column("cluster_id", pa.int32(), "Number of the cluster on that day; 0 is the largest."),
            column("persona_id", pa.int32(), "Number of the persona over the days; empty where lineage lacks the day."),
            required_column("name", pa.string(), "The persona's name: no other has it, and it stays."),
            required_column("description", pa.string(), "What its users write about on that day, and how they act."),
            required_column("phrases", pa.list_(pa.string()), "Phrases that set it apart on that day, best first."),
            required_column("named_on", pa.date32(), "The day whose phrases gave the name."),
            required_column("method", tables.CLOSED_SET, "phrases, or endpoint for a name by a language model."),
            required_column("users", pa.int64(), "Number of users of the cluster on that day."),
        ]
    ),
)

STORED_TABLES = (
    StoredTable("persona_labels", "persona_labels.parquet", "A persona on a day, and its name.", PERSONA_LABELS),
)
