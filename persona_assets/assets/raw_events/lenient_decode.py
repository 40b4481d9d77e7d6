"""Slow path of decoding: decode a line that the fast path could not, or say why it is not an event.

It also accepts unknown collections, other formats of events, and several events on a line.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from persona_assets.assets.raw_events import event_types as events
from persona_assets.assets.raw_events.event_types import (
    Commit,
    CommitWithRawRecord,
    EventWithRawRecord,
    JetstreamEvent,
    NonCommitBody,
    PostRecord,
    ProfileRecord,
)
from persona_assets.assets.raw_events.json_values import split_objects
from persona_assets.assets.raw_events.lexicon_limits import (
    INVALID_LABELS,
    parse_consent_record,
    shorten_long_labels,
    shorten_long_langs,
)
from persona_assets.assets.raw_events.nesting import is_too_deep
from persona_assets.assets.raw_events.rejection_reasons import (
    ARRAY_BRACKET,
    ARRAY_OF_OTHER_VALUES,
    NotAnEventError,
    describe_invalid_field,
    describe_invalid_json,
    has_only_brackets,
)
from persona_assets.assets.raw_events.repo_paths import is_nsid, is_record_key
from persona_assets.assets.raw_events.wire_formats import decode_any_format
from persona_assets.common.account_ids import is_did_or_hash
from persona_assets.common.lexicon import CONSENT_COLLECTIONS, POST, PROFILE, QUOTING_EMBEDS

_BOM = b"\xef\xbb\xbf"
_NOT_UTF8 = "not UTF-8"
_TOO_DEEP = "nested too deeply"
# Lines rejected for these reasons are not split into objects. On deeply nested lines, the result of the splitter would
# depend on the depth of the call stack.
_WHOLE_LINE_REASONS = {_NOT_UTF8, _TOO_DEEP}

_RECORD_DECODERS = {nsid: msgspec.json.Decoder(shape) for nsid, shape in events.RECORD_TYPES.items()}
_POST_WITH_RAW_EMBED = msgspec.json.Decoder(events.PostWithRawEmbed)
_PROFILE_WITH_RAW_LABELS = msgspec.json.Decoder(events.ProfileWithRawLabels)
_EMBED_TYPE_ONLY = msgspec.json.Decoder(events.EmbedTypeOnly)


class RejectedValue(NamedTuple):
    """A line, or one of several JSON objects on a line, that is not an event, with the reason."""

    reason: str
    raw: bytes


def decode_line_leniently(line: bytes) -> Iterator[JetstreamEvent | RejectedValue]:
    """Decode a line that `BlockDecoder` could not; yield its events, and each object that is not an event.

    Args:
        line: Without its line end; a byte order mark at its start is ignored.

    Yields:
        At least one event or rejected value, usually exactly one. A line with anything else beside objects is rejected
        as a whole.
    """
    found = _decode_value(line)
    text = line.removeprefix(_BOM)
    objects = (
        split_objects(text) if isinstance(found, RejectedValue) and found.reason not in _WHOLE_LINE_REASONS else None
    )
    if objects is not None:
        yield from map(_decode_value, objects)
    elif (
        isinstance(found, RejectedValue)
        and found.reason not in {ARRAY_BRACKET, _TOO_DEEP}
        and text.lstrip().startswith(b"[")
    ):
        yield found._replace(reason=ARRAY_OF_OTHER_VALUES)
    else:
        yield found


def _decode_value(raw: bytes) -> JetstreamEvent | RejectedValue:
    try:
        return decode_object_leniently(raw)
    except NotAnEventError as error:
        return RejectedValue(error.reason, raw.removesuffix(b"\r"))  # of a CRLF line end


def decode_object_leniently(line: bytes) -> JetstreamEvent:
    """Decode one JSON object as an event, in any supported format and of any collection; raise if it is none.

    Args:
        line: Without its line end; a byte order mark at its start is ignored.

    Raises:
        NotAnEventError: The object is not an event.
    """
    try:
        line.decode()
    except UnicodeDecodeError:
        raise NotAnEventError(_NOT_UTF8) from None
    if is_too_deep(line):
        raise NotAnEventError(_TOO_DEEP)
    line = line.removeprefix(_BOM)
    try:
        return _decode_required_fields(decode_any_format(line))
    except msgspec.ValidationError as error:
        raise NotAnEventError(
            ARRAY_BRACKET if has_only_brackets(line) else describe_invalid_field(str(error))
        ) from None
    except msgspec.DecodeError as error:
        raise NotAnEventError(describe_invalid_json(line, str(error))) from None
    except RecursionError:
        raise NotAnEventError(_TOO_DEEP) from None


def _decode_required_fields(loose: EventWithRawRecord) -> JetstreamEvent:
    """Validate the ids of an event, and decode the body that its `kind` requires."""
    if not is_did_or_hash(loose.did):
        raise NotAnEventError("did: not a DID")
    event = JetstreamEvent(loose.did, loose.time_us, loose.kind, seq=loose.seq)
    if loose.kind == "commit":
        if loose.commit is None:
            raise NotAnEventError("no commit")
        event.commit = _decode_commit(loose.commit)
        return event
    body: NonCommitBody | None = getattr(loose, loose.kind)
    if body is None:
        raise NotAnEventError(f"no {loose.kind}")
    setattr(event, loose.kind, body)
    return event


def _decode_commit(loose: CommitWithRawRecord) -> Commit:
    if not is_nsid(loose.collection):
        raise NotAnEventError("commit.collection: not an NSID")
    if not is_record_key(loose.rkey):
        raise NotAnEventError("commit.rkey: not a record key")
    commit = Commit(loose.operation, loose.collection, loose.rkey, loose.rev)
    if loose.operation == "delete":
        return commit
    if loose.collection in CONSENT_COLLECTIONS:
        commit.record = parse_consent_record(loose.record)
    elif loose.collection in _RECORD_DECODERS:
        commit.record = _decode_record(loose)
    return commit


def _decode_record(loose: CommitWithRawRecord) -> events.TypedRecord:
    if events.is_absent_or_null(loose.record):
        raise NotAnEventError("no commit.record")
    try:
        record = _RECORD_DECODERS[loose.collection].decode(loose.record)
    except msgspec.ValidationError as error:
        record = _decode_post_without_embed(loose) or _decode_profile_without_labels(loose)
        if record is None:
            reason = describe_invalid_field(str(error), below="commit.record")
            raise NotAnEventError(reason) from None
    if isinstance(record, PostRecord):
        shorten_long_langs(record)
    elif isinstance(record, ProfileRecord):
        shorten_long_labels(record)
    return record


def _decode_post_without_embed(loose: CommitWithRawRecord) -> PostRecord | None:
    """Return a post without its embed if the embed is all that is invalid and not a quote; else None."""
    if loose.collection != POST:
        return None
    try:
        post = _POST_WITH_RAW_EMBED.decode(loose.record)
        if events.is_absent_or_null(post.embed) or _EMBED_TYPE_ONLY.decode(post.embed).type in QUOTING_EMBEDS:
            return None
    except msgspec.ValidationError:
        return None
    return PostRecord(created_at=post.created_at, text=post.text, langs=post.langs, reply=post.reply)


def _decode_profile_without_labels(loose: CommitWithRawRecord) -> ProfileRecord | None:
    """Return a profile with `INVALID_LABELS` if its self-labels are all that is invalid; else None."""
    if loose.collection != PROFILE:
        return None
    try:
        profile = _PROFILE_WITH_RAW_LABELS.decode(loose.record)
    except msgspec.ValidationError:
        return None
    return ProfileRecord(created_at=profile.created_at, description=profile.description, labels=INVALID_LABELS)
