"""Turn a day's events into the actions of users, each told once."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.engine import open_duckdb
from persona_assets.parquet_files import write_parquet

POST = "app.bsky.feed.post"

# Which action an event is, by collection and operation; "post" may turn out a reply or a quote.
ACTION_OF = {
    (POST, "create"): "post",
    (POST, "update"): "post_update",
    (POST, "delete"): "post_delete",
    ("app.bsky.feed.like", "create"): "like",
    ("app.bsky.feed.like", "delete"): "unlike",
    ("app.bsky.feed.repost", "create"): "repost",
    ("app.bsky.feed.repost", "delete"): "unrepost",
    ("app.bsky.graph.follow", "create"): "follow",
    ("app.bsky.graph.follow", "delete"): "unfollow",
    ("app.bsky.graph.block", "create"): "block",
    ("app.bsky.graph.block", "delete"): "unblock",
    ("app.bsky.actor.profile", "create"): "profile_update",
    ("app.bsky.actor.profile", "update"): "profile_update",
}


class Extract(NamedTuple):
    """A day's actions, and what became of the other events."""

    user_actions: Path  # tables.USER_ACTIONS, sorted by action (as in tables.ACTIONS), time, user and the rest
    read: int
    actions: Counter[str]
    duplicates: int
    no_action: Counter[str]  # by "collection operation", or by kind


def extract_actions(raw_events: pads.Dataset, *, memory_limit: str, scratch: Path) -> Extract:
    """Return the actions in `raw_events`, each told once.

    An event that was delivered more than once counts once, at its earliest time: events are the same when user,
    collection, record key, operation and revision are, identity and account events when user and sequence number
    are. Whatever carries no revision or number is told apart by its time.

    Args:
        raw_events: `tables.RAW_EVENTS`, any order.
        memory_limit: Of the sort, such as "4GB"; beyond it the sort spills to `scratch`.
        scratch: An empty folder.

    Returns:
        The table, in `scratch`, and counts: read = actions + duplicates + no action.
    """
    where = scratch / "user_actions.parquet"
    actions: Counter[str] = Counter()
    no_action: Counter[str] = Counter()
    read = raw_events.count_rows()
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
        con.register("raw_events", raw_events)
        batches = con.sql(_EXTRACT).to_arrow_reader(100_000)
        write_parquet(where, tables.USER_ACTIONS, _keep_actions(batches, actions, no_action))
    duplicates = read - actions.total() - no_action.total()
    return Extract(where, read, actions, duplicates, no_action)


def _keep_actions(
    batches: Iterator[pa.RecordBatch], actions: Counter[str], no_action: Counter[str]
) -> Iterator[pa.Table]:
    """Yield the rows that are actions, counting these and the others."""
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        is_action = pc.is_valid(rows["action"])
        others = rows.filter(pc.invert(is_action))
        no_action.update(_count(others["other"]))
        kept = rows.filter(is_action)
        codes = pc.cast(kept["action"], pa.int8()).combine_chunks()
        named = pa.DictionaryArray.from_arrays(codes, pa.array(tables.ACTIONS))
        actions.update(_count(pa.chunked_array([named]).cast(pa.string())))
        columns = [named if name == "action" else kept[name] for name in tables.USER_ACTIONS.names]
        yield pa.table(columns, schema=tables.USER_ACTIONS)


def _count(values: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in values.value_counts().to_pylist()}


def _action_sql() -> str:
    """Return an expression for the position of an event's action in `tables.ACTIONS`, null when it is none."""
    whens = []
    for (collection, operation), action in ACTION_OF.items():
        is_event = f"collection = '{collection}' AND operation = '{operation}'"
        if action == "post":
            # A post that replies and quotes is a quote, and keeps its parent.
            whens.append(f"WHEN {is_event} AND quoted_uri IS NOT NULL THEN {tables.ACTIONS.index('quote')}")
            whens.append(f"WHEN {is_event} AND parent_uri IS NOT NULL THEN {tables.ACTIONS.index('reply')}")
        whens.append(f"WHEN {is_event} THEN {tables.ACTIONS.index(action)}")
    whens.append(f"WHEN kind = 'account' THEN {tables.ACTIONS.index('account_status')}")
    return f"CASE {' '.join(whens)} END"


def _codes(*actions: str) -> str:
    return ", ".join(str(tables.ACTIONS.index(action)) for action in actions)


_EXTRACT = f"""
WITH told_once AS (
    SELECT * FROM raw_events
    QUALIFY row_number() OVER (
        PARTITION BY user_id, kind, collection, rkey, operation,
            coalesce(rev, seq::VARCHAR), CASE WHEN rev IS NULL AND seq IS NULL THEN event_time_us END
        ORDER BY {", ".join(tables.RAW_EVENTS.names)}
    ) = 1
), named AS (
    SELECT *, {_action_sql()} AS action,
        CASE WHEN kind = 'commit' THEN 'at://' || user_id || '/' || collection || '/' || rkey END AS uri
    FROM told_once
), aimed AS (
    SELECT * REPLACE (CASE WHEN action IN ({_codes("account_status")}) THEN
            CASE WHEN account_active THEN 'active' ELSE coalesce(account_status, 'inactive') END
        END AS account_status),
        CASE WHEN action IN ({_codes("post_update", "post_delete", "profile_update")}) THEN uri
            ELSE coalesce(subject_uri, quoted_uri, parent_uri) END AS target_uri
    FROM named
)
SELECT user_id, action, event_time_us, uri, text, langs, parent_uri, root_uri, quoted_uri, target_uri,
    CASE WHEN target_uri IS NULL THEN subject_did
        WHEN starts_with(target_uri, 'at://did:') THEN split_part(target_uri, '/', 3)
        WHEN target_uri = uri THEN user_id END AS target_user_id,
    account_status,
    CASE WHEN action IS NULL THEN concat_ws(' ', coalesce(collection, kind), operation) END AS other
FROM aimed
ORDER BY action, event_time_us, user_id, uri, {", ".join(tables.USER_ACTIONS.names[4:])}, other
"""  # noqa: S608 - made of constants
