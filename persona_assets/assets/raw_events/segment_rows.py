"""Convert blocks of archive segments to columns of `tables.RAW_EVENTS`, without going through JSON.

Events of the usual form become columns at once. Every other event is written as the line of JSON that the server's
stream would send, and decoded as such a line: what is an event, and why another is none, is decided in one place.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.archive.blocks import (
    BODY_BY_KIND,
    CREATE,
    CREATE_BY_RESYNC,
    DELETE,
    UPDATE,
    Block,
    ByteStringColumn,
)
from persona_assets.archive.dag_cbor import DagCborError, count_nested_levels, decode_record
from persona_assets.assets.raw_events.event_types import (
    RECORD_TYPES,
    TIME_US_LIMIT,
    JetstreamEvent,
    NonCommitBody,
    TypedRecord,
)
from persona_assets.assets.raw_events.nesting import MAX_LEVELS
from persona_assets.assets.raw_events.repo_paths import is_nsid, is_record_key
from persona_assets.assets.raw_events.subject_records import SUBJECT_COLUMNS, find_subjects
from persona_assets.common.account_ids import is_did_or_hash
from persona_assets.common.lexicon import CONSENT_COLLECTIONS

_MAX_REV_BYTES = 64
_MAX_SEQ = 2**63 - 1
# Levels of the frame around a record.
_FRAME_LEVELS = 2
_PLC, _PLC_BYTES = np.frombuffer(b"did:plc:", np.uint8), 32
_IS_BASE32 = np.zeros(256, bool)
_IS_BASE32[list(b"abcdefghijklmnopqrstuvwxyz234567")] = True
_IN_RECORD_KEYS = np.zeros(256, bool)
_IN_RECORD_KEYS[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~:-")] = True
_OPERATIONS = ["create", "update", "delete"]
_OPERATION_CODES = np.zeros(256, np.int8)
_OPERATION_CODES[[CREATE, UPDATE, DELETE, CREATE_BY_RESYNC]] = 0, 1, 2, 0
_IS_WRITE = np.zeros(256, bool)
_IS_WRITE[[CREATE, UPDATE, CREATE_BY_RESYNC]] = True
_IS_COMMIT = _IS_WRITE.copy()
_IS_COMMIT[DELETE] = True


class EventGroup(NamedTuple):
    """Events of a block with the same collection and operation, already converted to columns."""

    shape: type[TypedRecord] | None  # None for events whose record is not decoded
    collection: str | None  # of all of them; None if they differ
    operation: str | None
    columns: dict[str, pa.Array]  # those without a record; by column name of RAW_EVENTS
    records: Sequence[TypedRecord] | None  # None where `columns` has what they fill


class BlockRows(NamedTuple):
    """Events of an archive block: as columns (`groups`), decoded singly (`others`), or as row numbers (`irregular`)."""

    groups: list[EventGroup]
    others: list[JetstreamEvent]  # identity, account and sync events
    irregular: list[int]  # rows of the block that the caller writes as JSON lines and decodes as such, ascending


def convert_block_rows(block: Block, rows: np.ndarray) -> BlockRows:
    """Convert those `rows` of a block that have the usual form to columns; decode the others one by one.

    Args:
        block: The block.
        rows: Numbers of the events to convert, ascending: int64 `(n,)`.
    """
    strings = [values.to_strings() for values in (block.dids, block.collections, block.rkeys, block.revs)]
    valid = [column for column in strings if column is not None]
    if len(valid) < len(strings):
        return BlockRows([], [], rows.tolist())
    dids, collections, rkeys, revs = valid
    names = collections.dictionary_encode()
    codes, known = names.indices.to_numpy(), names.dictionary.to_pylist()
    beyond_ascii = block.payloads.count_beyond_ascii()
    usual = _find_usual_rows(block, codes, known) & ~_find_deep_records(block.payloads, beyond_ascii)
    groups, irregular = list[EventGroup](), rows[~usual[rows]].tolist()
    rows = rows[usual[rows]]
    others, failed = _decode_others(block, rows[~_IS_COMMIT[block.kinds[rows]]])
    irregular += failed
    rows = rows[_IS_COMMIT[block.kinds[rows]]]
    without_record = _find_codes(known, lambda name: name not in RECORD_TYPES)
    recordless = ~_IS_WRITE[block.kinds[rows]] | np.isin(codes[rows], without_record)
    common = {"user_id": dids, "rkey": rkeys, "rev": revs}
    times, seqs = block.times_us, block.seqs.astype(np.int64)

    def make_columns(chosen: np.ndarray) -> dict[str, Any]:
        taken = pa.array(chosen)
        columns = {name: pc.take(column, taken, boundscheck=False) for name, column in common.items()}
        return {"event_time_us": pa.array(times[chosen]), "seq": pa.array(seqs[chosen]), **columns}

    if len(without := rows[recordless]):
        varying = {
            "collection": pc.take(names, pa.array(without)),
            "operation": pa.DictionaryArray.from_arrays(
                pa.array(_OPERATION_CODES[block.kinds[without]]), pa.array(_OPERATIONS)
            ),
        }
        groups.append(EventGroup(None, None, None, make_columns(without) | varying, None))
    rows = rows[~recordless]
    keys = codes[rows].astype(np.int64) * 2 + (block.kinds[rows] == UPDATE)
    for key in np.unique(keys).tolist():
        collection, operation = known[key // 2], "update" if key % 2 else "create"
        shape, chosen = RECORD_TYPES[collection], rows[keys == key]
        if (column := SUBJECT_COLUMNS.get(collection)) is not None:
            is_found, subjects = find_subjects(block.payloads, chosen, beyond_ascii[chosen], collection)
            if is_found.any():
                columns = make_columns(chosen[is_found]) | {column: subjects}
                groups.append(EventGroup(shape, collection, operation, columns, None))
            chosen = chosen[~is_found]
        chosen, records, failed = _decode_records(block.payloads, chosen, shape)
        irregular += failed
        if len(chosen):
            groups.append(EventGroup(shape, collection, operation, make_columns(chosen), records))
    return BlockRows(groups, others, sorted(irregular))


def _find_usual_rows(block: Block, codes: np.ndarray, names: list[str]) -> np.ndarray:
    """Return which events have valid ids, names and times and are commits that need no second look: bool `(n,)`."""
    times = block.times_us
    is_other = np.isin(block.kinds, list(BODY_BY_KIND))
    usual = (_IS_COMMIT[block.kinds] | is_other) & (times >= 0) & (times < TIME_US_LIMIT) & (block.seqs <= _MAX_SEQ)
    usual &= block.revs.lengths <= _MAX_REV_BYTES
    usual &= (is_other | _find_valid_keys(block.rkeys)) & _find_valid_dids(block.dids)
    usual &= is_other | ~np.isin(codes, _find_codes(names, lambda name: not is_nsid(name)))
    is_consent = np.isin(codes, _find_codes(names, lambda name: name in CONSENT_COLLECTIONS))
    return usual & ~(is_consent & _IS_WRITE[block.kinds])


def _decode_others(block: Block, rows: np.ndarray) -> tuple[list[JetstreamEvent], list[int]]:
    """Return the identity, account and sync events among `rows`, and the rows whose bodies are of another form."""
    events, failed, times = list[JetstreamEvent](), list[int](), block.times_us
    for row in rows.tolist():
        kind = BODY_BY_KIND[int(block.kinds[row])]
        try:
            body = msgspec.convert(decode_record(block.payloads[row]), NonCommitBody)
        except (DagCborError, msgspec.ValidationError):
            failed.append(row)
            continue
        event = JetstreamEvent(block.dids[row].decode(), int(times[row]), kind, seq=int(block.seqs[row]))  # pyright: ignore[reportArgumentType] - a kind
        setattr(event, kind, body)
        events.append(event)
    return events, failed


def _find_codes(names: list[str], is_wanted: Callable[[str], bool]) -> np.ndarray:
    return np.array([code for code, name in enumerate(names) if is_wanted(name)], np.int64)


def _find_valid_dids(dids: ByteStringColumn) -> np.ndarray:
    lengths = dids.lengths
    content = dids.all_bytes
    if len(lengths) and (lengths == _PLC_BYTES).all():  # nearly always
        table = content.reshape(-1, _PLC_BYTES)
        valid = (table[:, : len(_PLC)] == _PLC).all(axis=1) & _IS_BASE32[table[:, len(_PLC) :]].all(axis=1)
    else:
        valid = np.zeros(len(lengths), bool)
    for row in np.flatnonzero(~valid).tolist():
        valid[row] = is_did_or_hash(dids[row].decode())
    return valid


def _find_valid_keys(keys: ByteStringColumn) -> np.ndarray:
    others = np.flatnonzero(~_IN_RECORD_KEYS[keys.all_bytes]) + keys.ends[0]
    valid = keys.lengths > 0
    for row in np.unique(np.searchsorted(keys.ends, others, side="right") - 1).tolist():
        valid[row] = is_record_key(keys[row].decode())
    return valid


def _find_deep_records(payloads: ByteStringColumn, beyond_ascii: np.ndarray) -> np.ndarray:
    """Return which records would make a line that is nested too deeply: bool `(n,)`."""
    limit, deep = MAX_LEVELS - _FRAME_LEVELS, np.zeros(len(payloads.ends) - 1, bool)
    # The first byte of a list or map is no ASCII. Few records that are not deep have as many other such bytes.
    for row in np.flatnonzero(beyond_ascii > limit).tolist():
        deep[row] = _is_too_deep(payloads[row], limit)
    return deep


def _is_too_deep(payload: bytes, limit: int) -> bool:
    try:
        return count_nested_levels(decode_record(payload)) > limit
    except DagCborError:
        return False  # the record is left out of its line


def _decode_records(
    payloads: ByteStringColumn, rows: np.ndarray, shape: type[TypedRecord]
) -> tuple[np.ndarray, list[TypedRecord], list[int]]:
    """Return the rows whose records are of the type, these records, and the other rows."""
    content = payloads.content
    starts, ends = payloads.ends[rows].tolist(), payloads.ends[rows + 1].tolist()
    try:
        found = [decode_record(content[start:end]) for start, end in zip(starts, ends, strict=True)]
        return rows, msgspec.convert(found, list[shape]), []
    except (DagCborError, msgspec.ValidationError):
        pass
    records, kept, failed = list[TypedRecord](), list[int](), list[int]()
    for row in rows.tolist():
        try:
            records.append(msgspec.convert(decode_record(payloads[row]), shape))
            kept.append(row)
        except (DagCborError, msgspec.ValidationError):
            failed.append(row)
    return np.array(kept, np.int64), records, failed
