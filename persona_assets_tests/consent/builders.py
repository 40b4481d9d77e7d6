"""Small inputs for the tests of consent."""

import pyarrow as pa

from persona_assets.consent.left_out import LeftOut
from persona_assets.consent.policy import LEFT_OUT
from persona_assets.consent.schemas import CONSENT_RECORDS, CONSENTS


def consents(rows):
    """`CONSENTS` of rows that name only what matters: columns that are absent are null, and the labels false."""
    absent = dict.fromkeys(CONSENTS.names) | {"no_unauthenticated": False, "bot": False}
    return pa.Table.from_pylist([absent | row for row in rows], schema=CONSENTS)


ALICE, BOB = "did:plc:alice", "did:plc:bob"


def statement(**columns):
    """A row of `CONSENT_RECORDS`; columns that are absent are null."""
    return dict.fromkeys(CONSENT_RECORDS.names) | {"user_id": ALICE, "event_time_us": 1} | columns


def said(purpose, *, allow, at=1, kind="ai_preference", key="self", **columns):
    """A statement of a record about a purpose; global unless it says otherwise."""
    given = {"record": f"at://alice/{kind}/{key}", "operation": "create", "scope": "global"}
    return statement(purpose=purpose, allow=allow, event_time_us=at, kind=kind, **given | columns)


def withdrawn(*, at=1, kind="ai_preference", key="self", **columns):
    """The deletion of a record."""
    return statement(event_time_us=at, kind=kind, record=f"at://alice/{kind}/{key}", operation="delete", **columns)


def label(*, no_unauthenticated=False, bot=False, at=1, **columns):
    flags = {"no_unauthenticated": no_unauthenticated, "bot": bot}
    return statement(
        event_time_us=at, kind="self_labels", record="at://alice/profile/self", operation="update", **flags | columns
    )


def account(status, *, at=1, **columns):
    return statement(event_time_us=at, kind="account_status", account_status=status, **columns)


def left_out(users=None, posts=()):
    """What a window leaves out: users with their reasons, and URIs of deleted posts."""
    rows = [{"user_id": user, "reason": reason} for user, reason in sorted((users or {}).items())]
    return LeftOut(pa.Table.from_pylist(rows, LEFT_OUT), pa.array(sorted(posts), pa.string()))
