"""What a line of a capture may say, as typed shapes: Jetstream's v1 events and its v2 frames.

Fields that no asset needs are left out and skipped unread, but for those whose type tells a damaged record.
v1: https://github.com/bluesky-social/jetstream-legacy. v2: lexicon network.bsky.jetstream.subscribeEvents in
https://github.com/bluesky-social/jetstream, framed as `{"$type": "message", "payload": {...}}`.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, cast

import msgspec

from persona_assets.assets.raw_events.account_ids import DID_CHARACTERS
from persona_assets.assets.raw_events.repo_paths import RECORD_KEY_CHARACTERS
from persona_assets.common.lexicon import BLOCK, FOLLOW, LIKE, POST, PROFILE, REPOST

# The year 2100: a later time_us is no instant at which a relay saw anything.
LATEST_US = 4_102_444_800_000_000

TimeUs = Annotated[int, msgspec.Meta(ge=0, lt=LATEST_US)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Name = Annotated[str, msgspec.Meta(min_length=1)]
RecordKey = Annotated[str, msgspec.Meta(min_length=1, max_length=RECORD_KEY_CHARACTERS)]
# A revision is a TID of 13 characters; an at:// uri has at most 8 KiB (https://atproto.com/specs/at-uri-scheme).
Rev = Annotated[str, msgspec.Meta(max_length=64)]
Uri = Annotated[str, msgspec.Meta(max_length=8192)]
Did = Annotated[str, msgspec.Meta(max_length=DID_CHARACTERS)]

# The value of an unread field that is not there; msgspec allows no `Raw | None`.
NOTHING = msgspec.Raw()

# gc=False throughout: no cycles can be made of these, and the collector need not visit millions of them.


class Ref(msgspec.Struct, gc=False):
    """A record, by its at:// uri."""

    uri: Uri


class LooseRef(msgspec.Struct, gc=False):
    """A record, by its at:// uri, if it is named at all."""

    uri: Uri | None = None


class Reply(msgspec.Struct, gc=False):
    """What a post answers."""

    parent: LooseRef | None = None
    root: LooseRef | None = None


class Embedded(msgspec.Struct, gc=False):
    """The record of an embed; app.bsky.embed.recordWithMedia wraps it once more."""

    uri: Uri | None = None
    record: LooseRef | None = None


class Embed(msgspec.Struct, gc=False):
    """What a post shows: a record, or a record with media; other kinds hold none."""

    type: str | None = msgspec.field(name="$type", default=None)
    record: Embedded | None = None


class Record(msgspec.Struct, gc=False, tag_field="$type", tag="", kw_only=True):
    """What all records have. The author's clock is no event's time: it is read for its type only."""

    created_at: str | None = msgspec.field(name="createdAt", default=None)


class Post(Record, gc=False, tag=POST):
    """A post, reply or quote."""

    text: str | None = None
    langs: list[str] | None = None
    reply: Reply | None = None
    embed: Embed | None = None


class Like(Record, gc=False, tag=LIKE):
    """A like of a record."""

    subject: Ref


class Repost(Record, gc=False, tag=REPOST):
    """A repost of a record."""

    subject: Ref


class Follow(Record, gc=False, tag=FOLLOW):
    """A follow of an account."""

    subject: Did


class Block(Record, gc=False, tag=BLOCK):
    """A block of an account."""

    subject: Did


class Profile(Record, gc=False, tag=PROFILE):
    """A profile."""

    description: str | None = None


class LoosePost(Record, gc=False, tag=POST):
    """A post whose embed is of a kind that we may not know."""

    text: str | None = None
    langs: list[str] | None = None
    reply: Reply | None = None
    embed: msgspec.Raw = NOTHING


class LooseEmbed(msgspec.Struct, gc=False):
    """An embed of any kind."""

    type: str | None = msgspec.field(name="$type", default=None)


# The collections whose records have columns of their own.
TYPED: dict[str, type[Record]] = {
    POST: Post,
    LIKE: Like,
    REPOST: Repost,
    FOLLOW: Follow,
    BLOCK: Block,
    PROFILE: Profile,
}

Operation = Literal["create", "update", "delete"]


class Commit(msgspec.Struct, gc=False):
    """A record made, changed or deleted."""

    operation: Operation
    collection: Name
    rkey: RecordKey
    rev: Rev | None = None
    record: Record | None = None


class LooseCommit(msgspec.Struct, gc=False):
    """A commit of any collection, its record not looked at."""

    operation: Operation
    collection: Name
    rkey: RecordKey
    rev: Rev | None = None
    record: msgspec.Raw = NOTHING


class Notice(msgspec.Struct, gc=False):
    """The body of an identity, account or sync event."""

    seq: Seq | None = None
    rev: Rev | None = None  # of a sync event
    active: bool | None = None  # of an account event
    status: str | None = None  # of an account event


class Event(msgspec.Struct, gc=False):
    """One line of v1: `commit`, `identity`, `account` or `sync` is there as `kind` says."""

    did: str
    time_us: TimeUs
    kind: Literal["commit", "identity", "account", "sync"]
    commit: Commit | None = None
    identity: Notice | None = None
    account: Notice | None = None
    sync: Notice | None = None
    seq: Seq | None = None  # Jetstream's own, in the v1 form that v2 servers send


def is_nothing(raw: msgspec.Raw) -> bool:
    """Tell whether an unread field is absent or null."""
    return bytes(raw) in {b"", b"null"}


class LooseEvent(msgspec.Struct, gc=False):
    """An event whose record is not looked at."""

    did: str
    time_us: TimeUs
    kind: Literal["commit", "identity", "account", "sync"]
    commit: LooseCommit | None = None
    identity: Notice | None = None
    account: Notice | None = None
    sync: Notice | None = None
    seq: Seq | None = None


class Payload(msgspec.Struct, gc=False):
    """The payload of a v2 message: the fields of every kind, and of a commit its record not looked at."""

    type: str = msgspec.field(name="$type")
    did: str
    time: str
    seq: Seq | None = None
    operation: Operation | None = None
    collection: Name | None = None
    rkey: RecordKey | None = None
    rev: Rev | None = None
    record: Any = NOTHING
    identity: Notice | None = None
    account: Notice | None = None
    sync: Notice | None = None


class LoosePayload(Payload, gc=False):
    """A payload whose record is not looked at."""

    record: msgspec.Raw = NOTHING


class Frame(msgspec.Struct, gc=False):
    """One line of v2."""

    type: Literal["message"] = msgspec.field(name="$type")
    payload: Payload


def make_line_types(collections: Iterable[str]) -> tuple[type[Event], type[Frame]]:
    """Return `Event` and `Frame` as types that decode records of known collections, and refuse all others.

    Args:
        collections: Beside those of `TYPED`: their records are passed by.
    """
    others = sorted(set(collections) - set(TYPED))
    passed_by = [
        msgspec.defstruct(f"PassedBy{number}", [], tag=nsid, tag_field="$type", gc=False)
        for number, nsid in enumerate(others)
    ]
    # Literal: a name that is known is not made anew for each line.
    named = ("collection", Literal[(*TYPED, *others)])
    record = ("record", Union[(*TYPED.values(), *passed_by, None)], None)
    commit = msgspec.defstruct("KnownCommit", [named, record], bases=(Commit,), gc=False)
    event = msgspec.defstruct("KnownEvent", [("commit", commit | None, None)], bases=(Event,), gc=False)
    payload = msgspec.defstruct("KnownPayload", [(*named, None), record], bases=(Payload,), gc=False)
    frame = msgspec.defstruct("KnownFrame", [("payload", payload)], bases=(Frame,), gc=False)
    return cast("type[Event]", event), cast("type[Frame]", frame)
