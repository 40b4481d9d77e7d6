"""The tables that `consent_records` stores, as `docs/reference/tables.md` shows them."""

from persona_assets.common.stored_table import StoredTable
from persona_assets.consent.schemas import CONSENT_RECORDS, DELETED_POSTS

STORED_TABLES = (
    StoredTable(
        "consent_records",
        "consent_records/<day>.parquet",
        "What an account said on the day about the use of its data, or what happened to the account.",
        CONSENT_RECORDS,
    ),
    StoredTable(
        "deleted_posts",
        "deleted_posts/<day>.parquet",
        "A post that its author deleted on the day; no file if there is none.",
        DELETED_POSTS,
    ),
)
