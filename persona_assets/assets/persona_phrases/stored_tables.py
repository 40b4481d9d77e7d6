"""The tables that `persona_phrases` stores, as `docs/reference/tables.md` shows them."""

import pyarrow as pa

from persona_assets import tables
from persona_assets.common.columns import required_column
from persona_assets.common.stored_table import StoredTable

PERSONA_PHRASES = tables.declare_schema(
    "persona_phrases",
    pa.schema(
        [
            required_column("cluster_id", pa.int32(), "The cluster; 0 is the largest."),
            required_column("users", pa.int64(), "Number of users of the cluster."),
            required_column("name", pa.string(), "Its best phrases, three at most; personas may have the same."),
            required_column("phrases", pa.list_(pa.string()), "Phrases that set the cluster apart, best first."),
            required_column("description", pa.string(), "What its users write about, and how they act."),
        ]
    ),
)

STORED_TABLES = (
    StoredTable(
        "persona_phrases",
        "persona_phrases/<day>.parquet",
        "A cluster, and the phrases of the day that it may be named by.",
        PERSONA_PHRASES,
    ),
)
