"""The tables that `cluster_jsonl` stores, as `docs/reference/tables.md` shows them."""

from persona_assets import tables
from persona_assets.common.stored_table import StoredTable

STORED_TABLES = (
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
        tables.IGNORED_EVIDENCE,
    ),
)
