"""The schemas of `consent_records` and its side table `deleted_posts`, of `consents`, and of what is kept for it."""

import pyarrow as pa

from persona_assets import tables
from persona_assets.common.columns import column, required_column
from persona_assets.consent.purposes import PURPOSES

KINDS = ("ai_preference", "user_intents", "self_labels", "account_status")

# One row per statement: a purpose that a record allows or refuses, the labels of a profile, or an account event. A
# record that says nothing about any purpose, and a deleted one, has one row without a purpose: it replaces what the
# record said before.
CONSENT_RECORDS = tables.declare_schema(
    "consent_records",
    pa.schema(
        [
            required_column("user_id", pa.string(), "The account's permanent id (DID)."),
            required_column("event_time_us", pa.int64(), "When the relay saw the event."),
            column("rev", pa.string(), "Revision of the repository, which orders events of the same time."),
            required_column(
                "kind",
                tables.CLOSED_SET,
                "ai_preference, user_intents, self_labels (of a profile) or account_status.",
            ),
            column("record", pa.string(), "Address of the record; empty in account_status."),
            column("operation", tables.CLOSED_SET, "create, update or delete; empty in account_status."),
            column("scope", tables.CLOSED_SET, "global, entity, collection or unknown: what the record applies to."),
            column("scope_value", pa.string(), "The entity (a DID or domain) or the collection of the scope."),
            column("purpose", tables.CLOSED_SET, f"One of {', '.join(PURPOSES)}; empty if the record names none."),
            column("allow", pa.bool_(), "Whether the record allows the purpose."),
            column("updated_at_us", pa.int64(), "When the author says that it was decided; empty if that is no time."),
            column("no_unauthenticated", pa.bool_(), "Of self_labels: whether the profile has !no-unauthenticated."),
            column("bot", pa.bool_(), "Of self_labels: whether the profile has the label bot."),
            column("account_status", pa.string(), "Of account_status: active, deactivated, takendown, deleted, ..."),
        ]
    ),
)

# Statements of many days without those that can no longer count (`compaction`).
COMPACTED_STATEMENTS = tables.declare_schema("compacted_statements", tables.add_day_field(CONSENT_RECORDS))

# One row per post that its author deleted on the day.
DELETED_POSTS = tables.declare_schema(
    "deleted_posts",
    pa.schema(
        [
            required_column("uri", pa.string(), "Address of the post."),
            required_column("user_id", pa.string(), "Permanent id (DID) of its author."),
            required_column("event_time_us", pa.int64(), "When the relay saw the deletion: the last one, if several."),
        ]
    ),
)


_PURPOSE_COLUMNS = [
    field
    for purpose in PURPOSES
    for field in (
        column(f"{purpose}_allow", pa.bool_(), f"Whether the account allows {purpose}; empty: it does not say."),
        column(f"{purpose}_record", pa.string(), "Address of the record that says so."),
        column(f"{purpose}_time_us", pa.int64(), "When it was decided: updatedAt, or else the event's time."),
    )
]
# One row per account that has said something other than that it is active.
CONSENTS = tables.declare_schema(
    "consents",
    pa.schema(
        [
            required_column("user_id", pa.string(), "The account's permanent id (DID)."),
            *_PURPOSE_COLUMNS,
            required_column("no_unauthenticated", pa.bool_(), "The profile has the self-label !no-unauthenticated."),
            required_column("bot", pa.bool_(), "The profile has the self-label bot."),
            column("self_labels_time_us", pa.int64(), "When the relay saw the profile that says so."),
            column("account_status", pa.string(), "active, deactivated, takendown, ...; empty: no event."),
            column("account_time_us", pa.int64(), "When the relay saw the last account event."),
        ]
    ),
)
