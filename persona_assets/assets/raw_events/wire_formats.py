"""Decode the formats in which captures hold events, all into the v1 format.

Beside Jetstream's v1 and v2 these are: v1 with numbers that a database wrote as strings or whole floats, the format
before October 2024, and an event wrapped in a field of another object, as some recorders write it.
"""

import datetime as dt
from typing import Literal, TypeVar

import msgspec

from persona_assets.assets.raw_events import event_types as events
from persona_assets.assets.raw_events.event_types import (
    Commit,
    CommitWithRawRecord,
    EventWithRawRecord,
    JetstreamEvent,
    NonCommitBody,
    V2Payload,
)
from persona_assets.assets.raw_events.json_values import iterate_nested_objects
from persona_assets.assets.raw_events.rejection_reasons import NotAnEventError

# First bytes of a v2 frame as Jetstream writes it.
FRAME_PREFIX = b'{"$type":"message"'
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# Maximum number of objects around an event.
_MAX_WRAPPERS = 3

_KINDS: dict[str, Literal["commit", "identity", "account"]] = {"com": "commit", "id": "identity", "acc": "account"}
_OLD_KINDS = {f'"{kind}"'.encode() for kind in _KINDS}
_OPERATIONS: dict[str, events.Operation] = {"c": "create", "u": "update", "d": "delete"}


class _FormatFields(msgspec.Struct, gc=False):
    """The fields that show the format of an object; the rest is not decoded."""

    type: str | None = msgspec.field(name="$type", default=None)
    payload: msgspec.Raw = events.ABSENT
    did: msgspec.Raw = events.ABSENT
    kind: msgspec.Raw = events.ABSENT
    old_kind: msgspec.Raw = msgspec.field(name="type", default=events.ABSENT)


class _OldCommit(msgspec.Struct, gc=False):
    type: Literal["c", "u", "d"]
    collection: events.CollectionName
    rkey: events.RecordKey
    rev: events.Revision | None = None
    record: msgspec.Raw = events.ABSENT


class _OldEvent(msgspec.Struct, gc=False):
    """An event in Jetstream's format before October 2024."""

    did: str
    time_us: events.TimeUs
    type: Literal["com", "id", "acc"]
    commit: _OldCommit | None = None
    identity: NonCommitBody | None = None
    account: NonCommitBody | None = None


# Not strict: strings of digits and whole floats are accepted as integers.
_EVENT_WITH_RAW_RECORD = msgspec.json.Decoder(EventWithRawRecord, strict=False)
_OLD_EVENT = msgspec.json.Decoder(_OldEvent, strict=False)
_PAYLOAD = msgspec.json.Decoder(events.V2PayloadWithRawRecord, strict=False)
_FORMAT_FIELDS = msgspec.json.Decoder(_FormatFields)


def decode_any_format(raw: bytes, *, wrappers: int = _MAX_WRAPPERS) -> EventWithRawRecord:
    """Decode a JSON object in any supported event format to the v1 format; its record stays undecoded.

    Args:
        raw: A JSON object in UTF-8.
        wrappers: Maximum number of objects around the event.

    Raises:
        NotAnEventError, msgspec.DecodeError: The object neither is nor wraps an event.
    """
    try:
        # v2 first, as the fast path does, which may not know the collection: an object may have the fields of both.
        if raw.startswith(FRAME_PREFIX) and _is_frame(fields := _FORMAT_FIELDS.decode(raw)):
            return _decode_payload(fields.payload)
        return _EVENT_WITH_RAW_RECORD.decode(raw)
    except msgspec.ValidationError:
        try:
            fields = _FORMAT_FIELDS.decode(raw)
        except msgspec.ValidationError:
            fields = None
        found = None if fields is None else _decode_other_format(raw, fields, wrappers)
        if found is None:
            raise
        return found


def _decode_other_format(raw: bytes, fields: _FormatFields, wrappers: int) -> EventWithRawRecord | None:
    if _is_frame(fields):
        return _decode_payload(fields.payload)
    if fields.type and "#" in fields.type:
        return _decode_payload(raw)
    if fields.type == "error":
        raise NotAnEventError("an error frame of the stream")
    if events.is_absent_or_null(fields.kind) and bytes(fields.old_kind) in _OLD_KINDS:
        return _decode_old_event(raw)
    # An object with an account id is an event, even if invalid. Its record is the author's: an event in it is forged.
    return _unwrap(raw, wrappers) if bytes(fields.did) == b"" and wrappers else None


def _is_frame(fields: _FormatFields) -> bool:
    return fields.type == "message" and not events.is_absent_or_null(fields.payload)


def _decode_payload(raw: bytes | msgspec.Raw) -> EventWithRawRecord:
    if (_FORMAT_FIELDS.decode(raw).type or "").endswith("#info"):
        raise NotAnEventError("an info frame of the stream")
    return payload_to_event(_PAYLOAD.decode(raw), EventWithRawRecord, CommitWithRawRecord)


AnyEvent = TypeVar("AnyEvent", JetstreamEvent, EventWithRawRecord)


def payload_to_event(
    payload: V2Payload, event: type[AnyEvent], commit: type[Commit] | type[CommitWithRawRecord]
) -> AnyEvent:
    """Convert the payload of a v2 frame to an event of type `event`, in the v1 format.

    Args:
        payload: The decoded payload.
        event: Type of the result.
        commit: Type of its `commit` field.

    Raises:
        NotAnEventError: The payload is of an unknown kind, has an invalid time, or lacks a field of a commit.
    """
    kind = payload.type.rpartition("#")[2]
    if kind not in {"commit", "identity", "account", "sync"}:
        raise NotAnEventError("kind: unknown value")
    made = event(payload.did, _parse_time_us(payload.time), kind, seq=payload.seq)  # pyright: ignore[reportArgumentType] - a kind
    if kind == "commit":
        for name in ("operation", "collection", "rkey"):
            if getattr(payload, name) is None:
                raise NotAnEventError(f"no commit.{name}")
        parts = (payload.operation, payload.collection, payload.rkey, payload.rev, payload.record)
        made.commit = commit(*parts)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue] - not None
    else:
        setattr(made, kind, getattr(payload, kind))
    return made


def _parse_time_us(time: str) -> int:
    try:
        instant = dt.datetime.fromisoformat(time)
        since = instant - _EPOCH
    except (ValueError, TypeError, OverflowError):  # no date, no time zone, out of range
        raise NotAnEventError("time: not an instant") from None
    microseconds = since // dt.timedelta(microseconds=1)
    if not 0 <= microseconds < events.TIME_US_LIMIT:
        raise NotAnEventError("time_us: out of range")
    return microseconds


def _decode_old_event(raw: bytes) -> EventWithRawRecord:
    old = _OLD_EVENT.decode(raw)
    made = EventWithRawRecord(old.did, old.time_us, _KINDS[old.type], identity=old.identity, account=old.account)
    if old.commit is not None:
        commit = old.commit
        made.commit = CommitWithRawRecord(
            _OPERATIONS[commit.type], commit.collection, commit.rkey, commit.rev, commit.record
        )
    return made


def _unwrap(raw: bytes, wrappers: int) -> EventWithRawRecord | None:
    """Return the event in one of the fields of an object, or None if no field holds one."""
    found: EventWithRawRecord | None = None
    for value in iterate_nested_objects(raw):
        try:
            event = decode_any_format(value, wrappers=wrappers - 1)
        except (NotAnEventError, msgspec.DecodeError):
            continue  # not the field with the event
        if found is not None:
            raise NotAnEventError("several fields hold an event")
        found = event
    return found
