"""Read an event from any of the forms that captures have it in.

Beside Jetstream's own v1 and v2: v1 with times that a database wrote as text or as whole floats, the form before
October 2024, and an event that a recorder put into one field of an object of its own.
"""

import datetime as dt
from typing import Literal, TypeVar

import msgspec

from persona_assets.assets.raw_events import event_types as events
from persona_assets.assets.raw_events.event_types import Commit, Event, LooseCommit, LooseEvent, Notice, Payload
from persona_assets.assets.raw_events.json_values import iterate_object_fields
from persona_assets.assets.raw_events.rejection_reasons import RefusedLineError

# How a frame of v2 begins as Jetstream writes it.
FRAME = b'{"$type":"message"'
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# How many objects may lie around an event.
_MOST_WRAPPERS = 3

_KINDS: dict[str, Literal["commit", "identity", "account"]] = {"com": "commit", "id": "identity", "acc": "account"}
_OLD_KINDS = {f'"{kind}"'.encode() for kind in _KINDS}
_OPERATIONS: dict[str, events.Operation] = {"c": "create", "u": "update", "d": "delete"}


class _Head(msgspec.Struct, gc=False):
    """What tells the forms from one another."""

    type: str | None = msgspec.field(name="$type", default=None)
    payload: msgspec.Raw = events.NOTHING
    did: msgspec.Raw = events.NOTHING
    kind: msgspec.Raw = events.NOTHING
    old_kind: msgspec.Raw = msgspec.field(name="type", default=events.NOTHING)


class _OldCommit(msgspec.Struct, gc=False):
    type: Literal["c", "u", "d"]
    collection: events.Name
    rkey: events.RecordKey
    rev: events.Rev | None = None
    record: msgspec.Raw = events.NOTHING


class _OldEvent(msgspec.Struct, gc=False):
    """An event as Jetstream had it before October 2024."""

    did: str
    time_us: events.TimeUs
    type: Literal["com", "id", "acc"]
    commit: _OldCommit | None = None
    identity: Notice | None = None
    account: Notice | None = None


# Not strict: digits in a string and whole floats are numbers too.
_LOOSE_EVENT = msgspec.json.Decoder(LooseEvent, strict=False)
_OLD_EVENT = msgspec.json.Decoder(_OldEvent, strict=False)
_PAYLOAD = msgspec.json.Decoder(events.LoosePayload, strict=False)
_HEAD = msgspec.json.Decoder(_Head)


def read_any_form(raw: bytes, *, wrappers: int = _MOST_WRAPPERS) -> LooseEvent:
    """Return the event that an object is or holds, its record not looked at.

    Args:
        raw: An object, UTF-8.
        wrappers: How many objects may lie around the event.

    Raises:
        RefusedLineError, msgspec.DecodeError: There is none.
    """
    try:
        # As the fast decoder does, which may not know the collection yet: an object may have the fields of both forms.
        if raw.startswith(FRAME) and _is_frame(head := _HEAD.decode(raw)):
            return _unframe(head.payload)
        return _LOOSE_EVENT.decode(raw)
    except msgspec.ValidationError:
        try:
            head = _HEAD.decode(raw)
        except msgspec.ValidationError:
            head = None
        found = None if head is None else _read_by_head(raw, head, wrappers)
        if found is None:
            raise
        return found


def _read_by_head(raw: bytes, head: _Head, wrappers: int) -> LooseEvent | None:
    if _is_frame(head):
        return _unframe(head.payload)
    if head.type and "#" in head.type:
        return _unframe(raw)
    if head.type == "error":
        raise RefusedLineError("an error frame of the stream")
    if events.is_nothing(head.kind) and bytes(head.old_kind) in _OLD_KINDS:
        return _read_old(raw)
    # What has an account's id is an event, however spoilt: what its record holds was put there by its author.
    return _unwrap(raw, wrappers) if bytes(head.did) == b"" and wrappers else None


def _is_frame(head: _Head) -> bool:
    return head.type == "message" and not events.is_nothing(head.payload)


def _unframe(raw: bytes | msgspec.Raw) -> LooseEvent:
    if (_HEAD.decode(raw).type or "").endswith("#info"):
        raise RefusedLineError("an info frame of the stream")
    return unframe(_PAYLOAD.decode(raw), LooseEvent, LooseCommit)


AnyEvent = TypeVar("AnyEvent", Event, LooseEvent)


def unframe(payload: Payload, event: type[AnyEvent], commit: type[Commit] | type[LooseCommit]) -> AnyEvent:
    """Return the event that v1 has for the payload of a v2 frame.

    Raises:
        RefusedLineError: The payload is none.
    """
    kind = payload.type.rpartition("#")[2]
    if kind not in {"commit", "identity", "account", "sync"}:
        raise RefusedLineError("kind: unknown value")
    made = event(payload.did, _microseconds(payload.time), kind, seq=payload.seq)  # pyright: ignore[reportArgumentType] - a kind
    if kind == "commit":
        for name in ("operation", "collection", "rkey"):
            if getattr(payload, name) is None:
                raise RefusedLineError(f"no commit.{name}")
        parts = (payload.operation, payload.collection, payload.rkey, payload.rev, payload.record)
        made.commit = commit(*parts)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue] - not None
    else:
        setattr(made, kind, getattr(payload, kind))
    return made


def _microseconds(time: str) -> int:
    try:
        instant = dt.datetime.fromisoformat(time)
        since = instant - _EPOCH
    except (ValueError, TypeError, OverflowError):  # no date; no zone; out of range
        raise RefusedLineError("time: not an instant") from None
    microseconds = since // dt.timedelta(microseconds=1)
    if not 0 <= microseconds < events.LATEST_US:
        raise RefusedLineError("time_us: out of range")
    return microseconds


def _read_old(raw: bytes) -> LooseEvent:
    old = _OLD_EVENT.decode(raw)
    made = LooseEvent(old.did, old.time_us, _KINDS[old.type], identity=old.identity, account=old.account)
    if old.commit is not None:
        commit = old.commit
        made.commit = LooseCommit(_OPERATIONS[commit.type], commit.collection, commit.rkey, commit.rev, commit.record)
    return made


def _unwrap(raw: bytes, wrappers: int) -> LooseEvent | None:
    """Return the event that one field of an object holds, or None if none does."""
    found: LooseEvent | None = None
    for value in iterate_object_fields(raw):
        try:
            event = read_any_form(value, wrappers=wrappers - 1)
        except (RefusedLineError, msgspec.DecodeError):
            continue  # another field of the wrapper
        if found is not None:
            raise RefusedLineError("several fields hold an event")
        found = event
    return found
