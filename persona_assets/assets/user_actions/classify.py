"""Map events to action types, and build the rows of actions with their targets."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets import tables
from persona_assets.common.lexicon import (
    BLOCK,
    FOLLOW,
    LIKE,
    POST,
    PROFILE,
    REPOST,
    build_uris,
    extract_owner_dids,
)

# Action type by collection and operation; a "post" becomes a reply or a quote if it has a parent or quotes a post.
ACTION_BY_OPERATION = {
    (POST, "create"): "post",
    (POST, "update"): "post_update",
    (POST, "delete"): "post_delete",
    (LIKE, "create"): "like",
    (LIKE, "delete"): "unlike",
    (REPOST, "create"): "repost",
    (REPOST, "delete"): "unrepost",
    (FOLLOW, "create"): "follow",
    (FOLLOW, "delete"): "unfollow",
    (BLOCK, "create"): "block",
    (BLOCK, "delete"): "unblock",
    (PROFILE, "create"): "profile_update",
    (PROFILE, "update"): "profile_update",
}
NO_ACTION = -1
_CODE_BY_ACTION = {action: code for code, action in enumerate(tables.ACTIONS)}
# Actions whose target is an existing record of the user's own.
_ON_OWN_RECORD = ("post_update", "post_delete", "profile_update")

# The collection of each action's records; a change of an account has none.
_COLLECTION_BY_ACTION: dict[str, str | None] = {
    **{action: collection for (collection, _), action in ACTION_BY_OPERATION.items()},
    "reply": POST,
    "quote": POST,
    "account_status": None,
}
_FROM_EVENT = (
    "user_id",
    "event_time_us",
    "rkey",
    "text",
    "langs",
    "parent_uri",
    "root_uri",
    "quoted_uri",
    "subject_uri",
    "subject_did",
    "account_active",
    "account_status",
)
# The columns of events from which the rows of `tables.USER_ACTIONS` are built, if the action is known.
EVENT_COLUMNS = pa.schema([tables.RAW_EVENTS.field(name) for name in _FROM_EVENT])


class ActionEvents(NamedTuple):
    """The events that are actions, sorted by action type, with the code of the type of each."""

    codes: np.ndarray  # int8 (n_actions,), ascending: indices into tables.ACTIONS
    events: pa.RecordBatch  # EVENT_COLUMNS, (n_actions,); those of the same type in their order


def find_action_codes(events: pa.RecordBatch) -> np.ndarray:
    """Return the action type of each event, as an index into `tables.ACTIONS` or `NO_ACTION`: int8 `(n_events,)`."""
    collections, in_collection = _split_dictionary(events["collection"])
    operations, in_operation = _split_dictionary(events["operation"])
    known = np.full((len(collections) + 1, len(operations) + 1), NO_ACTION, np.int8)
    for (collection, operation), action in ACTION_BY_OPERATION.items():
        if collection in collections and operation in operations:
            known[collections.index(collection), operations.index(operation)] = _CODE_BY_ACTION[action]
    codes = known[in_collection, in_operation]
    is_post = codes == _CODE_BY_ACTION["post"]
    # A post that both replies and quotes is a quote; its parent is kept.
    codes[is_post & _is_valid(events["parent_uri"])] = _CODE_BY_ACTION["reply"]
    codes[is_post & _is_valid(events["quoted_uri"])] = _CODE_BY_ACTION["quote"]
    kinds, of_kind = _split_dictionary(events["kind"])
    if "account" in kinds:
        codes[of_kind == kinds.index("account")] = _CODE_BY_ACTION["account_status"]
    return codes


def select_action_events(events: pa.RecordBatch, codes: np.ndarray) -> ActionEvents:
    """Return the events that are actions, sorted by action type.

    Args:
        events: `tables.RAW_EVENTS`.
        codes: Action type of each event, from `find_action_codes`: int8 `(n_events,)`. Events with `NO_ACTION` are left
            out.
    """
    of_action = np.flatnonzero(codes != NO_ACTION)
    order = of_action[np.argsort(codes[of_action], kind="stable")]
    return ActionEvents(codes[order], events.select(EVENT_COLUMNS.names).take(pa.array(order)))


def build_action_rows(action: str, events: pa.RecordBatch) -> pa.Table:
    """Build the rows of `tables.USER_ACTIONS` for events that are all of one action type, in their order.

    Args:
        action: A member of `tables.ACTIONS`.
        events: `EVENT_COLUMNS`.
    """
    uri = build_uris(events["user_id"], pa.scalar(_COLLECTION_BY_ACTION[action], pa.string()), events["rkey"])
    if action in _ON_OWN_RECORD:
        target, owner = uri, events["user_id"]
    else:
        target = pc.coalesce(events["subject_uri"], events["quoted_uri"], events["parent_uri"])
        owner = pc.coalesce(events["subject_did"], extract_owner_dids(target))
    made = {
        "action": pa.repeat(pa.scalar(action), len(events)),
        "uri": uri,
        "target_uri": target,
        "target_user_id": owner,
        "account_status": _account_status(events, is_account=action == "account_status"),
    }
    columns = [made[name] if name in made else events[name] for name in tables.USER_ACTIONS.names]
    return pa.table(columns, schema=tables.USER_ACTIONS)


def _split_dictionary(column: pa.DictionaryArray) -> tuple[list[str], np.ndarray]:
    """Return the distinct values of a column and the index of each row's value; null is one past the last index."""
    values = column.dictionary.to_pylist()
    return values, pc.fill_null(pc.cast(column.indices, pa.int64()), len(values)).to_numpy(zero_copy_only=False)


def _is_valid(column: pa.Array) -> np.ndarray:
    return column.is_valid().to_numpy(zero_copy_only=False)


def _account_status(events: pa.RecordBatch, *, is_account: bool) -> pa.Array:
    if not is_account:
        return pa.nulls(len(events), pa.string())
    active = pc.fill_null(events["account_active"], fill_value=False)
    return pc.if_else(active, "active", pc.fill_null(events["account_status"], "inactive"))
