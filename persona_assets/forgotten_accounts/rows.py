"""Remove accounts from the rows of a table: their own rows, rows about them, and references to them in other rows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets import tables
from persona_assets.forgotten_accounts.accounts import Accounts, Mask

# A row that names the account in one of these is the account's own. `raw` is a line that is no event: nobody knows
# whose it is, and nothing of it may stay.
OWNER_COLUMNS = frozenset({"user_id", "did", "author_did", "uri", "raw"})
# A row of somebody else that names it in one of these is about nothing without it: a like, repost, follow or block.
SUBJECT_COLUMNS = frozenset({"subject_uri", "subject_did"})
# The same in `user_actions`, except where the row is a message, which says something of its own.
TARGET_COLUMNS = frozenset({"target_uri", "target_user_id"})


class RemainingRows(NamedTuple):
    """Result of `remove_account_rows`: the rows that remain, and the numbers of removed rows and references."""

    table: pa.Table
    own: int  # rows of the accounts, which were removed
    about: int  # rows of others that were removed, because they are about the accounts alone
    references: int  # rows of others that remain, and of which a reference was taken out


def remove_account_rows(table: pa.Table, accounts: Accounts) -> RemainingRows:
    """Remove accounts from a table: their own rows, rows about them, and references in other rows.

    Rows that do not name them are the same, in the same order and chunks.

    Args:
        table: Any columns; those that `OWNER_COLUMNS`, `SUBJECT_COLUMNS` and `TARGET_COLUMNS` name decide on rows.
        accounts: The accounts to remove.
    """
    done = [_forget_in_batch(batch, accounts) for batch in table.to_batches()]
    own, about, references = np.array([(0, 0, 0), *(one.counts for one in done)]).sum(axis=0).tolist()
    if not own + about + references:
        return RemainingRows(table, 0, 0, 0)
    kept = [one.batch for one in done if one.batch.num_rows]
    return RemainingRows(pa.Table.from_batches(kept, table.schema), own, about, references)


def names_accounts(table: pa.Table, accounts: Accounts) -> bool:
    """Return whether any value of the table names one of the accounts."""
    return any(_find(chunk, accounts).any() for column in table.itercolumns() for chunk in column.chunks)


def has_text(kind: pa.DataType) -> bool:
    """Return whether values of the type hold strings or bytes."""
    if pa.types.is_dictionary(kind):
        return has_text(kind.value_type)
    return _is_text(kind) or any(has_text(kind.field(number).type) for number in range(kind.num_fields))


class _Done(NamedTuple):
    batch: pa.RecordBatch
    counts: tuple[int, int, int]  # own, about, references


def _forget_in_batch(batch: pa.RecordBatch, accounts: Accounts) -> _Done:
    named = {
        field.name: found
        for field in batch.schema
        if has_text(field.type) and (found := _find(batch[field.name], accounts)).any()
    }
    if not named:
        return _Done(batch, (0, 0, 0))
    own = _join(named, OWNER_COLUMNS, batch.num_rows)
    about = _join(named, SUBJECT_COLUMNS, batch.num_rows)
    about |= _join(named, TARGET_COLUMNS, batch.num_rows) & ~_find_messages(batch)
    about &= ~own
    keep = ~(own | about)
    rows = batch.filter(pa.array(keep))
    cleared = np.zeros(rows.num_rows, bool)
    columns = list[pa.Array]()
    for field in rows.schema:
        found = named.get(field.name)
        column = rows[field.name]
        if found is not None and found[keep].any():
            cleared |= found[keep]
            column = _clear(column, found[keep], field, accounts)
        columns.append(column)
    done = pa.record_batch(columns, schema=rows.schema)
    return _Done(done, (int(own.sum()), int(about.sum()), int(cleared.sum())))


def _join(named: dict[str, Mask], columns: frozenset[str], rows: int) -> Mask:
    return np.logical_or.reduce([np.zeros(rows, bool), *(mask for name, mask in named.items() if name in columns)])


def _find_messages(batch: pa.RecordBatch) -> Mask:
    """Return which rows are posts, replies or quotes, by the column `action`; none without that column."""
    if "action" not in batch.schema.names:
        return np.zeros(batch.num_rows, bool)
    actions = pc.cast(batch["action"], pa.string())
    return pc.fill_null(pc.is_in(actions, pa.array(tables.MESSAGES)), fill_value=False).to_numpy(zero_copy_only=False)


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind)
        for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def _find(column: pa.Array, accounts: Accounts) -> Mask:
    """Return which values name an account, at any depth: bool `(n,)`."""
    kind = column.type
    if _is_text(kind):
        return accounts.find(column)
    if pa.types.is_dictionary(kind):
        # One more value, for nulls.
        of_values = np.append(_find(column.dictionary, accounts), False)
        codes = pc.fill_null(pc.cast(column.indices, pa.int64()), len(column.dictionary))
        return of_values[codes.to_numpy(zero_copy_only=False)]
    if not has_text(kind):
        return np.zeros(len(column), bool)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inside = _find(column.flatten(), accounts)
        rows = np.zeros(len(column), bool)
        rows[pc.list_parent_indices(column).to_numpy()[inside]] = True
        return rows
    if isinstance(column, pa.StructArray):
        # `flatten` also gives nulls where the structure is null.
        return np.logical_or.reduce([_find(field, accounts) for field in column.flatten()])
    # Maps are few and small.
    values = column.to_pylist()
    return np.array([accounts.are_named_in(repr(value).encode()) for value in values], bool)


def _clear(column: pa.Array, found: Mask, field: pa.Field, accounts: Accounts) -> pa.Array:
    """Return the column with each reference replaced or, where the value is an id and may be empty, without it."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        plain = _clear(pc.cast(column, kind.value_type), found, field, accounts)
        return plain.dictionary_encode().cast(kind)

    def clear(value: Any) -> Any:
        if isinstance(value, str):
            return None if field.nullable and value in accounts else accounts.anonymise_uri(value)
        return _replace_inside(value, accounts.replace, accounts.replace_in_bytes)

    cleared = [clear(value) for value in column.filter(pa.array(found)).to_pylist()]
    if _is_text(kind):
        return pc.replace_with_mask(column, pa.array(found), pa.array(cleared, kind))
    values = column.to_pylist()
    for row, value in zip(np.flatnonzero(found).tolist(), cleared, strict=True):
        values[row] = value
    return pa.array(values, kind)


def _replace_inside(value: Any, replace: Callable[[str], str], replace_bytes: Callable[[bytes], bytes]) -> Any:
    if isinstance(value, str):
        return replace(value)
    if isinstance(value, bytes):
        return replace_bytes(value)
    if isinstance(value, dict):
        return {key: _replace_inside(one, replace, replace_bytes) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_inside(one, replace, replace_bytes) for one in value]
    return value
