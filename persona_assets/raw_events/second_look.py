"""Take a second look at a line that the fast decoder refused: an event of another kind, or a bad line and why."""

import datetime as dt
import re
from typing import TypeVar

import msgspec

from persona_assets.raw_events import events
from persona_assets.raw_events.events import Commit, Event, LooseCommit, LooseEvent, Notice, Payload, Post
from persona_assets.raw_events.users import is_user_id

_BOM = b"\xef\xbb\xbf"
_CONFLICT = (b"<<<<<<<", b"=======", b">>>>>>>", b"|||||||")
# A \\uD8xx that no \\uDCxx follows, or the other way round; an escaped backslash before the u makes it none.
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F])"
)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

# msgspec's messages: what is wrong, and where. Only what these let through is said of a line.
_MISFIT = re.compile(r"(.*?)(?: - at `\$\.?([\w.$\[\]]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_WRONG_TYPE = re.compile(r"Expected `[a-z| ]+`, got `[a-z]+`")


class RefusedLineError(Exception):
    """A line is no event; `reason` is one of few, and quotes nothing of the line."""

    def __init__(self, reason: str) -> None:
        """Note why."""
        super().__init__(reason)
        self.reason = reason


class _Head(msgspec.Struct, gc=False):
    type: str | None = msgspec.field(name="$type", default=None)
    payload: msgspec.Raw = events.NOTHING


_LOOSE_EVENT = msgspec.json.Decoder(LooseEvent)
_HEAD = msgspec.json.Decoder(_Head)
_PAYLOAD = msgspec.json.Decoder(events.LoosePayload)
_RECORDS = {nsid: msgspec.json.Decoder(shape) for nsid, shape in events.TYPED.items()}
_LOOSE_POST = msgspec.json.Decoder(events.LoosePost)
_LOOSE_EMBED = msgspec.json.Decoder(events.LooseEmbed)


def look_again(line: bytes) -> Event:
    """Decode a line that the fast decoder refused, without assuming what its record is.

    Args:
        line: Without its line end; a byte order mark before it is passed by.

    Raises:
        RefusedLineError: It is no event.
    """
    try:
        line.decode()
    except UnicodeDecodeError:
        raise RefusedLineError("not UTF-8") from None
    line = line.removeprefix(_BOM)
    try:
        return _tighten(_read_any_form(line))
    except msgspec.ValidationError as error:
        raise RefusedLineError(_name_misfit(str(error))) from None
    except msgspec.DecodeError as error:
        raise RefusedLineError(_name_damage(line, str(error))) from None
    except RecursionError:
        raise RefusedLineError("nested too deeply") from None


def _read_any_form(line: bytes) -> LooseEvent:
    try:
        return _LOOSE_EVENT.decode(line)
    except msgspec.ValidationError:
        try:
            head = _HEAD.decode(line)
        except msgspec.ValidationError:
            head = _Head()
        if head.type == "message" and not events.is_nothing(head.payload):
            return _unframe(head.payload)
        if head.type and "#" in head.type:
            return _unframe(line)
        if head.type == "error":
            raise RefusedLineError("an error frame of the stream") from None
        raise


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


def _tighten(loose: LooseEvent) -> Event:
    """Decode what `kind` says must be there."""
    if not is_user_id(loose.did):
        raise RefusedLineError("did: not a DID")
    event = Event(loose.did, loose.time_us, loose.kind, seq=loose.seq)
    if loose.kind == "commit":
        if loose.commit is None:
            raise RefusedLineError("no commit")
        event.commit = _tighten_commit(loose.commit)
        return event
    body: Notice | None = getattr(loose, loose.kind)
    if body is None:
        raise RefusedLineError(f"no {loose.kind}")
    setattr(event, loose.kind, body)
    return event


def _tighten_commit(loose: LooseCommit) -> Commit:
    commit = Commit(loose.operation, loose.collection, loose.rkey, loose.rev)
    if loose.operation == "delete" or loose.collection not in _RECORDS:
        return commit
    if events.is_nothing(loose.record):
        raise RefusedLineError("no commit.record")
    try:
        commit.record = _RECORDS[loose.collection].decode(loose.record)
    except msgspec.ValidationError as error:
        commit.record = _without_foreign_embed(loose)
        if commit.record is None:
            reason = _name_misfit(str(error), below="commit.record")
            raise RefusedLineError(reason) from None
    return commit


def _without_foreign_embed(loose: LooseCommit) -> Post | None:
    """Return a post whose only misfit is an embed of a kind that is not Bluesky's own, or None."""
    if loose.collection != "app.bsky.feed.post":
        return None
    try:
        post = _LOOSE_POST.decode(loose.record)
        if events.is_nothing(post.embed) or _LOOSE_EMBED.decode(post.embed).type in events.QUOTING:
            return None
    except msgspec.ValidationError:
        return None
    return Post(created_at=post.created_at, text=post.text, langs=post.langs, reply=post.reply)


def _name_misfit(message: str, *, below: str = "") -> str:
    """Say which field is wrong and how, from msgspec's message, without the value that it may quote."""
    what, at = _MISFIT.fullmatch(message).groups()  # pyright: ignore[reportOptionalMemberAccess] - fits anything
    where = ".".join(part for part in (below, re.sub(r"\[.*?\]", "[]", at or "")) if part)
    if missing := _MISSING.fullmatch(what):
        return f"no {where}.{missing[1]}" if where else f"no {missing[1]}"
    if where.endswith("$type"):
        return "a record of another type than its collection"
    return f"{where or 'not an event'}: {_name_problem(what)}"


def _name_problem(what: str) -> str:
    if _WRONG_TYPE.fullmatch(what):
        return what.replace("`", "")
    if what.startswith("Invalid"):
        return "unknown value"
    return "empty" if "of length >= 1" in what else "out of range"


def _name_damage(line: bytes, message: str) -> str:
    """Say what is wrong with a line that is not JSON."""
    line = line.strip()
    if not line:
        return "empty line"
    if line.startswith(_CONFLICT):
        return "git conflict marker"
    if b"\0" in line:
        return "NUL bytes"
    if _LONE_SURROGATE.search(line):
        return "lone surrogate"
    if "trailing characters" in message:
        return "more than one value on the line"
    return "truncated JSON" if "truncated" in message else "not JSON"
