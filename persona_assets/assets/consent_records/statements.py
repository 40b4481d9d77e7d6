"""Turn events into statements: rows of `CONSENT_RECORDS`."""

from collections import Counter
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.common.lexicon import (
    AI_PREFERENCE,
    BOT,
    CONSENT_COLLECTIONS,
    HIDE_FROM_LOGGED_OUT,
    PROFILE,
    SELF_KEY,
    USER_INTENTS,
    build_uris,
)
from persona_assets.consent.declarations import parse_declaration
from persona_assets.consent.schemas import CONSENT_RECORDS

# The columns of `tables.RAW_EVENTS` that statements are made of.
EVENT_COLUMNS = (
    "event_time_us",
    "user_id",
    "kind",
    "collection",
    "operation",
    "rkey",
    "rev",
    "account_active",
    "account_status",
    "self_labels",
    "preference_json",
)
KIND_BY_COLLECTION = {AI_PREFERENCE: "ai_preference", USER_INTENTS: "user_intents", PROFILE: "self_labels"}
# Reasons for which an event is no statement.
NOT_READABLE = "declaration that is too long or no JSON object: the one before it stands"
OTHER_RECORD = "profile or declaration of intents under another key than self"


class Statements(NamedTuple):
    """Result of `build_statements`: rows, and counts; events = distinct statements + dropped."""

    rows: pa.Table  # CONSENT_RECORDS
    events: Counter[str]  # events read, by kind of statement
    dropped: Counter[str]  # events by reason
    problems: Counter[str]  # of what was read, by the constants of `consent.declarations`


def build_statements(events: pa.Table | pa.RecordBatch) -> Statements:
    """Convert account events, and commits of profiles and consent records, to rows of `CONSENT_RECORDS`.

    Args:
        events: `EVENT_COLUMNS` of account events, and of commits of profiles and of `CONSENT_COLLECTIONS`, in any
            order.
    """
    table = pa.table(events) if isinstance(events, pa.Table) else pa.Table.from_batches([events])
    collection = table["collection"].cast(pa.string())
    rows, dropped, problems = [], Counter[str](), Counter[str]()
    accounts = table.filter(pc.equal(table["kind"].cast(pa.string()), "account"))
    rows.append(_account_rows(accounts))
    profiles = table.filter(pc.equal(collection, PROFILE))
    own = profiles.filter(pc.equal(profiles["rkey"], SELF_KEY))
    dropped[OTHER_RECORD] += len(profiles) - len(own)
    rows.append(_label_rows(own))
    declarations = table.filter(pc.is_in(collection, value_set=pa.array(CONSENT_COLLECTIONS)))
    rows.append(_declaration_rows(declarations, dropped, problems))
    kinds = {KIND_BY_COLLECTION[name]: count for name, count in _count(declarations["collection"]).items()}
    read = Counter({"account_status": len(accounts), "self_labels": len(profiles), **kinds})
    return Statements(pa.concat_tables(rows), +read, +dropped, problems)


def _count(column: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(column.cast(pa.string())).to_pylist()}


def _account_rows(events: pa.Table) -> pa.Table:
    active = pc.fill_null(events["account_active"], fill_value=False)
    status = pc.if_else(active, "active", pc.fill_null(events["account_status"].cast(pa.string()), "inactive"))
    return _to_rows(events, "account_status", {"account_status": status})


def _label_rows(events: pa.Table) -> pa.Table:
    labels = events["self_labels"]
    flags = {
        "no_unauthenticated": _contains(labels, HIDE_FROM_LOGGED_OUT),
        "bot": _contains(labels, BOT),
    }
    return _to_rows(events, "self_labels", {**_record_columns(events), **flags})


def _contains(lists: pa.ChunkedArray, value: str) -> pa.Array:
    """Return whether each list has the value; an empty list and null have not."""
    whole = lists.combine_chunks()
    parents = pc.list_parent_indices(whole).filter(pc.equal(pc.list_flatten(whole), value))
    return pc.is_in(pa.array(range(len(lists)), pa.int64()), value_set=parents.cast(pa.int64()))


def _record_columns(events: pa.Table) -> dict[str, Any]:
    uris = build_uris(events["user_id"], events["collection"].cast(pa.string()), events["rkey"])
    return {"record": uris, "operation": events["operation"].cast(pa.string()), "rev": events["rev"]}


def _declaration_rows(events: pa.Table, dropped: Counter[str], problems: Counter[str]) -> pa.Table:
    """Return a row per purpose of each declaration, and one without a purpose for those that name none."""
    said: list[dict[str, Any]] = []
    uris = _record_columns(events)["record"].to_pylist()
    for event, uri in zip(events.to_pylist(), uris, strict=True):
        collection, operation = event["collection"], event["operation"]
        if collection == USER_INTENTS and event["rkey"] != SELF_KEY:
            dropped[OTHER_RECORD] += 1
            continue
        statement = dict.fromkeys(CONSENT_RECORDS.names) | {
            "user_id": event["user_id"],
            "event_time_us": event["event_time_us"],
            "rev": event["rev"],
            "kind": KIND_BY_COLLECTION[collection],
            "record": uri,
            "operation": operation,
        }
        if operation == "delete":
            said.append(statement)
            continue
        declaration = parse_declaration(
            collection, event["preference_json"], event_time_us=event["event_time_us"], problems=problems
        )
        if declaration is None:
            dropped[NOT_READABLE] += 1
            continue
        statement |= {"scope": declaration.scope, "scope_value": declaration.scope_value}
        said += [statement | preference._asdict() for preference in declaration.preferences] or [statement]
    return pa.Table.from_pylist(said, schema=CONSENT_RECORDS)


def _to_rows(events: pa.Table, kind: str, columns: dict[str, Any]) -> pa.Table:
    """Return `CONSENT_RECORDS` of a kind: the given columns, and null in the others."""
    known = {
        "user_id": events["user_id"],
        "event_time_us": events["event_time_us"],
        "kind": pa.repeat(kind, len(events)),
        **columns,
    }
    filled = [
        known[field.name].cast(field.type) if field.name in known else pa.nulls(len(events), field.type)
        for field in CONSENT_RECORDS
    ]
    return pa.table(filled, schema=CONSENT_RECORDS)
