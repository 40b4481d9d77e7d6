"""Small days of events that say something about consent."""

import json

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.assets.consent_records.extract import extract_statements
from persona_assets.common.lexicon import AI_PREFERENCE, PROFILE, USER_INTENTS

ALICE, BOB = "did:plc:alice", "did:plc:bob"


def event(**columns):
    """A row of `raw_events` with the given columns; all others are null or defaults."""
    return dict.fromkeys(tables.RAW_EVENTS.names) | {"event_time_us": 1, "user_id": ALICE} | columns


def commit(collection, operation="create", **columns):
    return event(**{"kind": "commit", "collection": collection, "operation": operation, "rkey": "self"} | columns)


def preference(scope=None, *, rkey="self", **columns):
    """A record of AI preferences; `allow` is a dict of its fields, such as `training`, and what they say."""
    allow = columns.pop("allow", {})
    record = {"preferences": {field: {"allow": value} for field, value in allow.items()}, "scope": scope}
    return commit(AI_PREFERENCE, rkey=rkey, **{"preference_json": json.dumps(record)} | columns)


def intents(**columns):
    allow = columns.pop("allow", {})
    record = {field: {"allow": value} for field, value in allow.items()}
    return commit(USER_INTENTS, **{"preference_json": json.dumps(record)} | columns)


def profile(*labels, **columns):
    return commit(PROFILE, self_labels=list(labels) or None, **columns)


def account(status, **columns):
    """An account event; "active", or the status of an inactive account, or None for one that says nothing."""
    fields = {"account_active": status == "active", "account_status": None if status == "active" else status}
    return event(kind="account", **fields, **columns)


def entity(name):
    return {"$type": f"{AI_PREFERENCE}#entityScope", "entity": name}


def collection(name):
    return {"$type": f"{AI_PREFERENCE}#collectionScope", "collection": name}


def dataset_of(events, folder):
    """The events as a dataset of one Parquet file, as the asset gets them."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "raw_events.parquet"
    pq.write_table(pa.Table.from_pylist(list(events), schema=tables.RAW_EVENTS), file)
    return pads.dataset(file)


def extract(events, folder, **options):
    """Extract the statements of events; the table is read, and has only what is not null."""
    (folder / "scratch").mkdir(parents=True, exist_ok=True)
    found = extract_statements(dataset_of(events, folder), memory_limit="512MB", scratch=folder / "scratch", **options)
    return found, pq.read_table(found.consent_records)


def short(table):
    """The rows of a table, without what is null."""
    return [{name: value for name, value in row.items() if value is not None} for row in table.to_pylist()]
