"""Small days of raw events for the tests of this asset."""

from itertools import count

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.assets.user_actions.extract import extract_distinct_actions

ALICE, BOB = "did:plc:alice", "did:plc:bob"
POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"
FOLLOW, BLOCK, PROFILE = "app.bsky.graph.follow", "app.bsky.graph.block", "app.bsky.actor.profile"
BOBS_POST = f"at://{BOB}/{POST}/1"

_serial = count()


def event(**columns):
    """A row of `raw_events` with the given columns; all others are null or defaults."""
    return dict.fromkeys(tables.RAW_EVENTS.names) | {"event_time_us": 1, "user_id": ALICE} | columns


def commit(collection, operation="create", **columns):
    number = next(_serial)
    named = {"kind": "commit", "collection": collection, "operation": operation}
    return event(**named | {"rkey": f"key{number}", "rev": f"rev{number}"} | columns)


def table_of(events):
    return pa.Table.from_pylist(list(events), schema=tables.RAW_EVENTS)


class Extraction:
    """The stored table and the counts of extracted actions."""

    def __init__(self, found):
        self.found = found
        self.bytes = found.user_actions.read_bytes()
        self.table = pq.read_table(found.user_actions)
        self.rows = self.table.to_pylist()

    def only(self):
        (row,) = self.rows
        return {name: value for name, value in row.items() if value is not None}


def extract(events, scratch, *, batch_rows=None, memory_limit="512MB"):
    scratch.mkdir(parents=True, exist_ok=True)
    batches = table_of(events).to_batches(max_chunksize=batch_rows)
    dataset = pads.dataset(pa.Table.from_batches(batches, tables.RAW_EVENTS))
    return Extraction(extract_distinct_actions(dataset, memory_limit=memory_limit, scratch=scratch))
