"""The table that `user_assignments` stores."""

import pyarrow as pa

from persona_assets import tables
from persona_assets.common.columns import column, required_column
from persona_assets.common.stored_table import StoredTable

USER_ASSIGNMENTS = tables.declare_schema(
    "user_assignments",
    pa.schema(
        [
            required_column("user_id", pa.string(), "Permanent id (DID) of the user."),
            column("persona_id", pa.int32(), "The persona's number; empty if lineage does not know the assigned day."),
            required_column("cluster_id", pa.int32(), "Cluster of the assigned day with the nearest centre."),
            required_column("assigned_day", pa.date32(), "The day (UTC) whose clusters users are assigned to."),
            required_column("similarity", pa.float32(), "Cosine of the user's vector and that centre, -1 to 1."),
            column("margin", pa.float32(), "similarity less that to the second nearest centre; empty for one cluster."),
            required_column("outlier", pa.bool_(), "Less similar than 95 % of the users whom the cluster was made of."),
            required_column("posts", pa.int64(), "Number of the user's English posts in the window."),
        ]
    ),
)

STORED_TABLES = (
    StoredTable(
        "user_assignments",
        "user_assignments/<day>.parquet",
        "A user of the window and its nearest persona of an earlier day.",
        USER_ASSIGNMENTS,
    ),
)
