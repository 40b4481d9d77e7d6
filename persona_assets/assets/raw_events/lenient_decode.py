"""Take a second look at a line that the fast decoder refused: events of another kind or form, or why it is none."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from persona_assets.assets.raw_events import event_types as events
from persona_assets.assets.raw_events.account_ids import is_user_id
from persona_assets.assets.raw_events.event_types import Commit, Event, LooseCommit, LooseEvent, Notice, Post
from persona_assets.assets.raw_events.json_values import split_objects
from persona_assets.assets.raw_events.lexicon_limits import drop_langs
from persona_assets.assets.raw_events.nesting import is_deep
from persona_assets.assets.raw_events.rejection_reasons import (
    ARRAY_OF_SOMETHING_ELSE,
    BRACKET,
    RefusedLineError,
    is_bracket,
    name_damage,
    name_misfit,
)
from persona_assets.assets.raw_events.repo_paths import is_nsid, is_record_key
from persona_assets.assets.raw_events.wire_formats import read_any_form
from persona_assets.common.lexicon import POST, QUOTING_EMBEDS

_BOM = b"\xef\xbb\xbf"
_NOT_UTF8 = "not UTF-8"
_TOO_DEEP = "nested too deeply"
# Of such lines nothing is looked at: the splitter too would find what is on them or not, as its caller's stack is.
_AS_A_WHOLE = {_NOT_UTF8, _TOO_DEEP}

_RECORDS = {nsid: msgspec.json.Decoder(shape) for nsid, shape in events.TYPED.items()}
_LOOSE_POST = msgspec.json.Decoder(events.LoosePost)
_LOOSE_EMBED = msgspec.json.Decoder(events.LooseEmbed)


class Refused(NamedTuple):
    """A line, or one of several objects on it, that is no event."""

    reason: str
    raw: bytes


def read_line(line: bytes) -> Iterator[Event | Refused]:
    """Yield each event on a line that the fast decoder refused, and each object on it that is none.

    Args:
        line: Without its line end; a byte order mark before it is passed by.

    Yields:
        At least one; mostly there is one. A line that holds anything else beside objects is refused as a whole.
    """
    found = _decode_value(line)
    text = line.removeprefix(_BOM)
    objects = split_objects(text) if isinstance(found, Refused) and found.reason not in _AS_A_WHOLE else None
    if objects is not None:
        yield from map(_decode_value, objects)
    elif isinstance(found, Refused) and found.reason not in {BRACKET, _TOO_DEEP} and text.lstrip().startswith(b"["):
        yield found._replace(reason=ARRAY_OF_SOMETHING_ELSE)
    else:
        yield found


def _decode_value(raw: bytes) -> Event | Refused:
    try:
        return decode_leniently(raw)
    except RefusedLineError as error:
        return Refused(error.reason, raw.removesuffix(b"\r"))  # the rest of its line end


def decode_leniently(line: bytes) -> Event:
    """Decode an object that the fast decoder refused, without assuming what its form or its record is.

    Args:
        line: Without its line end; a byte order mark before it is passed by.

    Raises:
        RefusedLineError: It is no event.
    """
    try:
        line.decode()
    except UnicodeDecodeError:
        raise RefusedLineError(_NOT_UTF8) from None
    if is_deep(line):
        raise RefusedLineError(_TOO_DEEP)
    line = line.removeprefix(_BOM)
    try:
        return _tighten(read_any_form(line))
    except msgspec.ValidationError as error:
        raise RefusedLineError(BRACKET if is_bracket(line) else name_misfit(str(error))) from None
    except msgspec.DecodeError as error:
        raise RefusedLineError(name_damage(line, str(error))) from None
    except RecursionError:
        raise RefusedLineError(_TOO_DEEP) from None


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
    if not is_nsid(loose.collection):
        raise RefusedLineError("commit.collection: not an NSID")
    if not is_record_key(loose.rkey):
        raise RefusedLineError("commit.rkey: not a record key")
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
            reason = name_misfit(str(error), below="commit.record")
            raise RefusedLineError(reason) from None
    if isinstance(commit.record, Post):
        drop_langs(commit.record)
    return commit


def _without_foreign_embed(loose: LooseCommit) -> Post | None:
    """Return a post whose only misfit is an embed of a kind that is not Bluesky's own, or None."""
    if loose.collection != POST:
        return None
    try:
        post = _LOOSE_POST.decode(loose.record)
        if events.is_nothing(post.embed) or _LOOSE_EMBED.decode(post.embed).type in QUOTING_EMBEDS:
            return None
    except msgspec.ValidationError:
        return None
    return Post(created_at=post.created_at, text=post.text, langs=post.langs, reply=post.reply)
