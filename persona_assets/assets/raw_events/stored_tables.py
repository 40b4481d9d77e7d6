"""The tables that `raw_events` stores, as `docs/reference/tables.md` shows them."""

from persona_assets import tables
from persona_assets.common.stored_table import StoredTable

STORED_TABLES = (
    StoredTable(
        "raw_events",
        "raw_events/<day>.parquet",
        "An event of the capture: a commit, identity, account or sync event. Repeated deliveries are kept.",
        tables.RAW_EVENTS,
    ),
    StoredTable(
        "rejected_lines",
        "rejected_lines/<day>.parquet",
        "A line of the capture, or an object on it, that is not an event.",
        tables.REJECTED_LINES,
    ),
)
