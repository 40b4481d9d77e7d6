"""The tables that `cluster_jsonl` stores, as `docs/reference/tables.md` shows them."""

import pyarrow as pa

from persona_assets import tables
from persona_assets.common.columns import column, required_column
from persona_assets.common.line_tables import LINE_MESSAGES, LINES
from persona_assets.common.stored_table import StoredTable

# The evidence for each line of "ignore": why the estimate counts a post as ignored by a user.
IGNORED_EVIDENCE = pa.schema(
    [
        required_column("user_id", pa.string(), "Permanent id (DID) of the user."),
        required_column("cluster_id", pa.int32(), "Cluster of the user."),
        required_column("uri", pa.string(), "Address of the post that was ignored."),
        required_column("event_time_us", pa.int64(), "When the user did something next: the time of the line."),
        required_column("rule", tables.CLOSED_SET, "What made the post a candidate."),
        column("shown_by", pa.string(), "Followed account that wrote, liked or reposted it; empty if drawn at random."),
        required_column("shown_time_us", pa.int64(), "When that account did, or when the post was written."),
        required_column("similarity", pa.float32(), "Cosine with the nearest centre of what the cluster engages with."),
        required_column("weight", pa.float32(), "Weight of the post there: 1, +2 if acted on, +0.5 for each follower."),
    ]
)

STORED_TABLES = (
    StoredTable(
        "lines",
        "cluster_jsonl/<day>/lines.parquet",
        "A line of `cluster_<N>.jsonl`: whose it is, what it ends with, and the messages that it shows.",
        LINES,
    ),
    StoredTable(
        "line_messages",
        "cluster_jsonl/<day>/line_messages.parquet",
        "A message that lines show, and its address.",
        LINE_MESSAGES,
    ),
    StoredTable(
        "accounting",
        "cluster_jsonl/<day>/accounting.parquet",
        "An action, an outcome and a cluster: how many actions of the window met that outcome.",
        tables.ACTION_ACCOUNTING,
    ),
    StoredTable(
        "actions_by_hour",
        "cluster_jsonl/<day>/actions_by_hour.parquet",
        "A cluster, an action and an hour of the day.",
        tables.ACTIONS_BY_HOUR,
    ),
    StoredTable(
        "actions_per_user",
        "cluster_jsonl/<day>/actions_per_user.parquet",
        "A cluster and an action.",
        tables.ACTIONS_PER_USER,
    ),
    StoredTable(
        "ignored",
        "cluster_jsonl/<day>/ignored.parquet",
        "A line with `ignore`, and why it is there. Only with `PERSONA_ADD_IGNORED_MESSAGES=true`.",
        IGNORED_EVIDENCE,
    ),
)
