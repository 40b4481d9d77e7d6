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
_ON_OWN_RECORD = [_CODE_BY_ACTION[action] for action in ("post_update", "post_delete", "profile_update")]

# `tables.USER_ACTIONS` without the column `action`, which the codes stand for.
ACTION_COLUMNS = pa.schema([field for field in tables.USER_ACTIONS if field.name != "action"])
# The columns of events from which these are built.
_NOT_READ = {"kind", "operation", "rev", "seq", "self_labels", "preference_json"}
_READ = [name for name in tables.RAW_EVENTS.names if name not in _NOT_READ]


class ActionRows(NamedTuple):
    """The rows of events that are actions, sorted by action type, with the code of the type of each."""

    codes: np.ndarray  # int8 (n_actions,), ascending: indices into tables.ACTIONS
    rows: pa.Table  # ACTION_COLUMNS, (n_actions,); rows of the same type in the order of their events


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


def build_action_rows(events: pa.RecordBatch, codes: np.ndarray) -> ActionRows:
    """Build the rows of the events that are actions, sorted by action type.

    Args:
        events: `tables.RAW_EVENTS`.
        codes: Action type of each event, from `find_action_codes`: int8 `(n_events,)`. Events with `NO_ACTION` are left
            out.
    """
    of_action = np.flatnonzero(codes != NO_ACTION)
    order = of_action[np.argsort(codes[of_action], kind="stable")]
    rows, codes = events.select(_READ).take(pa.array(order)), codes[order]
    collection = pc.cast(rows["collection"], pa.string())
    uri = build_uris(rows["user_id"], collection, rows["rkey"])
    own = pa.array(np.isin(codes, _ON_OWN_RECORD))
    target = pc.if_else(own, uri, pc.coalesce(rows["subject_uri"], rows["quoted_uri"], rows["parent_uri"]))
    owner = pc.if_else(own, rows["user_id"], pc.coalesce(rows["subject_did"], extract_owner_dids(target)))
    made = {
        "uri": uri,
        "target_uri": target,
        "target_user_id": owner,
        "account_status": _account_status(rows, codes),
    }
    columns = [made[name] if name in made else rows[name] for name in ACTION_COLUMNS.names]
    return ActionRows(codes, pa.table(columns, schema=ACTION_COLUMNS))


def _split_dictionary(column: pa.DictionaryArray) -> tuple[list[str], np.ndarray]:
    """Return the distinct values of a column and the index of each row's value; null is one past the last index."""
    values = column.dictionary.to_pylist()
    return values, pc.fill_null(pc.cast(column.indices, pa.int64()), len(values)).to_numpy(zero_copy_only=False)


def _is_valid(column: pa.Array) -> np.ndarray:
    return column.is_valid().to_numpy(zero_copy_only=False)


def _account_status(rows: pa.RecordBatch, codes: np.ndarray) -> pa.Array:
    active = pc.fill_null(rows["account_active"], fill_value=False)
    status = pc.if_else(active, "active", pc.fill_null(rows["account_status"], "inactive"))
    return pc.if_else(pa.array(codes == _CODE_BY_ACTION["account_status"]), status, pa.scalar(None, pa.string()))
