"""Name the action that each event is, and what it acts on."""

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
    find_owners,
    write_uris,
)

# Which action an event is, by collection and operation; a "post" may turn out a reply or a quote.
ACTION_OF = {
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
_CODE = {action: code for code, action in enumerate(tables.ACTIONS)}
# Acts on a record of one's own, which is there before them.
_ON_OWN_RECORD = [_CODE[action] for action in ("post_update", "post_delete", "profile_update")]

# As `tables.USER_ACTIONS`, but for the action itself, which the codes tell.
COLUMNS = pa.schema([field for field in tables.USER_ACTIONS if field.name != "action"])
# What they are made from.
_READ = [name for name in tables.RAW_EVENTS.names if name not in {"kind", "operation", "rev", "seq"}]


class Named(NamedTuple):
    """The actions of some events."""

    codes: np.ndarray  # int8 (n_actions,), ascending: positions in tables.ACTIONS
    rows: pa.Table  # COLUMNS, (n_actions,); rows of one action in the order of their events


def find_codes(events: pa.RecordBatch) -> np.ndarray:
    """Return each event's position in `tables.ACTIONS`, or `NO_ACTION`: int8 `(n_events,)`."""
    collections, in_collection = _values(events["collection"])
    operations, in_operation = _values(events["operation"])
    known = np.full((len(collections) + 1, len(operations) + 1), NO_ACTION, np.int8)
    for (collection, operation), action in ACTION_OF.items():
        if collection in collections and operation in operations:
            known[collections.index(collection), operations.index(operation)] = _CODE[action]
    codes = known[in_collection, in_operation]
    is_post = codes == _CODE["post"]
    # A post that replies and quotes is a quote, and keeps its parent.
    codes[is_post & _is_there(events["parent_uri"])] = _CODE["reply"]
    codes[is_post & _is_there(events["quoted_uri"])] = _CODE["quote"]
    kinds, of_kind = _values(events["kind"])
    if "account" in kinds:
        codes[of_kind == kinds.index("account")] = _CODE["account_status"]
    return codes


def classify_events(events: pa.RecordBatch, codes: np.ndarray) -> Named:
    """Return the actions among `events` (`tables.RAW_EVENTS`), whose `codes` may leave out any."""
    of_action = np.flatnonzero(codes != NO_ACTION)
    order = of_action[np.argsort(codes[of_action], kind="stable")]
    rows, codes = events.select(_READ).take(pa.array(order)), codes[order]
    collection = pc.cast(rows["collection"], pa.string())
    uri = write_uris(rows["user_id"], collection, rows["rkey"])
    own = pa.array(np.isin(codes, _ON_OWN_RECORD))
    target = pc.if_else(own, uri, pc.coalesce(rows["subject_uri"], rows["quoted_uri"], rows["parent_uri"]))
    owner = pc.if_else(own, rows["user_id"], pc.coalesce(rows["subject_did"], find_owners(target)))
    made = {
        "uri": uri,
        "target_uri": target,
        "target_user_id": owner,
        "account_status": _account_status(rows, codes),
    }
    columns = [made[name] if name in made else rows[name] for name in COLUMNS.names]
    return Named(codes, pa.table(columns, schema=COLUMNS))


def _values(column: pa.DictionaryArray) -> tuple[list[str], np.ndarray]:
    """Return a column's different values, and for each row the position of its own; null is one past the last."""
    values = column.dictionary.to_pylist()
    return values, pc.fill_null(pc.cast(column.indices, pa.int64()), len(values)).to_numpy(zero_copy_only=False)


def _is_there(column: pa.Array) -> np.ndarray:
    return column.is_valid().to_numpy(zero_copy_only=False)


def _account_status(rows: pa.RecordBatch, codes: np.ndarray) -> pa.Array:
    active = pc.fill_null(rows["account_active"], fill_value=False)
    status = pc.if_else(active, "active", pc.fill_null(rows["account_status"], "inactive"))
    return pc.if_else(pa.array(codes == _CODE["account_status"]), status, pa.scalar(None, pa.string()))
