"""msgspec types of the lines of a capture: Jetstream's v1 events and v2 frames.

Fields that no asset needs are not declared, so that msgspec skips them. An exception are fields whose type shows that a
record is damaged.
v1: https://github.com/bluesky-social/jetstream-legacy. v2: lexicon network.bsky.jetstream.subscribeEvents in
https://github.com/bluesky-social/jetstream, framed as `{"$type": "message", "payload": {...}}`.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, cast

import msgspec

from persona_assets.assets.raw_events.repo_paths import MAX_RECORD_KEY_CHARACTERS
from persona_assets.common.account_ids import MAX_DID_CHARACTERS
from persona_assets.common.lexicon import BLOCK, FOLLOW, LIKE, POST, PROFILE, REPOST

# Start of the year 2100: a later time_us cannot be the time at which a relay received the event.
TIME_US_LIMIT = 4_102_444_800_000_000

TimeUs = Annotated[int, msgspec.Meta(ge=0, lt=TIME_US_LIMIT)]
SequenceNumber = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
CollectionName = Annotated[str, msgspec.Meta(min_length=1)]
RecordKey = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_RECORD_KEY_CHARACTERS)]
# A revision is a TID of 13 characters; an at:// uri has at most 8 KiB (https://atproto.com/specs/at-uri-scheme).
Revision = Annotated[str, msgspec.Meta(max_length=64)]
Uri = Annotated[str, msgspec.Meta(max_length=8192)]
Did = Annotated[str, msgspec.Meta(max_length=MAX_DID_CHARACTERS)]

# Default of `Raw` fields (JSON that is not decoded) when the field is absent: msgspec does not allow `Raw | None`.
ABSENT = msgspec.Raw()

# gc=False throughout: these types cannot form cycles, and the garbage collector need not visit millions of instances.


class RecordRef(msgspec.Struct, gc=False):
    """Reference to a record by its `at://` URI."""

    uri: Uri


class OptionalRecordRef(msgspec.Struct, gc=False):
    """Reference to a record whose `at://` URI may be missing."""

    uri: Uri | None = None


class ReplyRefs(msgspec.Struct, gc=False):
    """The `reply` field of a post: references to the post that it answers, and to the first post of the thread."""

    parent: OptionalRecordRef | None = None
    root: OptionalRecordRef | None = None


class EmbeddedRecord(msgspec.Struct, gc=False):
    """The `record` field of an embed: a reference, or, with media, an object that contains the reference."""

    uri: Uri | None = None
    record: OptionalRecordRef | None = None


class RecordEmbed(msgspec.Struct, gc=False):
    """The `embed` field of a post, of which only a quoted record is decoded; images and links have none."""

    type: str | None = msgspec.field(name="$type", default=None)
    record: EmbeddedRecord | None = None


class TypedRecord(msgspec.Struct, gc=False, tag_field="$type", tag="", kw_only=True):
    """Base class of all decoded records; the subclass is chosen by their `$type`.

    `createdAt` is the author's clock and not used as the time of the event. It is decoded to validate its type.
    """

    created_at: str | None = msgspec.field(name="createdAt", default=None)


class PostRecord(TypedRecord, gc=False, tag=POST):
    """Record of a post, reply or quote."""

    text: str | None = None
    langs: list[str] | None = None
    reply: ReplyRefs | None = None
    embed: RecordEmbed | None = None


class LikeRecord(TypedRecord, gc=False, tag=LIKE):
    """Record of a like: its subject is the liked record."""

    subject: RecordRef


class RepostRecord(TypedRecord, gc=False, tag=REPOST):
    """Record of a repost: its subject is the reposted record."""

    subject: RecordRef


class FollowRecord(TypedRecord, gc=False, tag=FOLLOW):
    """Record of a follow: its subject is the followed account."""

    subject: Did


class BlockRecord(TypedRecord, gc=False, tag=BLOCK):
    """Record of a block: its subject is the blocked account."""

    subject: Did


class SelfLabel(msgspec.Struct, gc=False):
    """A label that an account gives itself, such as `bot`."""

    val: str


class SelfLabels(msgspec.Struct, gc=False):
    """The self-labels of a record: its `labels` field."""

    values: list[SelfLabel] | None = None


class ProfileRecord(TypedRecord, gc=False, tag=PROFILE):
    """Record of a profile, of which the description and the self-labels are decoded."""

    description: str | None = None
    labels: SelfLabels | None = None


class ProfileWithRawLabels(TypedRecord, gc=False, tag=PROFILE):
    """Record of a profile whose self-labels are not decoded, as they may be of another form."""

    description: str | None = None


class ConsentRecord(TypedRecord, gc=False, tag="*"):
    """Record in which an account says what its data may be used for, as JSON; only `lenient_decode` makes it.

    `json` is the whole record with sorted keys, or None if that is longer than its bound or cannot be written.
    """

    json: str | None = None


class PostWithRawEmbed(TypedRecord, gc=False, tag=POST):
    """Record of a post whose embed is not decoded, as it may be of an unknown kind."""

    text: str | None = None
    langs: list[str] | None = None
    reply: ReplyRefs | None = None
    embed: msgspec.Raw = ABSENT


class EmbedTypeOnly(msgspec.Struct, gc=False):
    """The `$type` of an embed of any kind; nothing else of it is decoded."""

    type: str | None = msgspec.field(name="$type", default=None)


# The record type of each collection whose records have columns of their own in `tables.RAW_EVENTS`.
RECORD_TYPES: dict[str, type[TypedRecord]] = {
    POST: PostRecord,
    LIKE: LikeRecord,
    REPOST: RepostRecord,
    FOLLOW: FollowRecord,
    BLOCK: BlockRecord,
    PROFILE: ProfileRecord,
}

Operation = Literal["create", "update", "delete"]


class Commit(msgspec.Struct, gc=False):
    """Body of a commit event: a record that was created, updated or deleted."""

    operation: Operation
    collection: CollectionName
    rkey: RecordKey
    rev: Revision | None = None
    record: TypedRecord | None = None


class CommitWithRawRecord(msgspec.Struct, gc=False):
    """Body of a commit event of any collection, whose record is not decoded."""

    operation: Operation
    collection: CollectionName
    rkey: RecordKey
    rev: Revision | None = None
    record: msgspec.Raw = ABSENT


class NonCommitBody(msgspec.Struct, gc=False):
    """Body of an identity, account or sync event."""

    seq: SequenceNumber | None = None
    rev: Revision | None = None  # of a sync event
    active: bool | None = None  # of an account event
    status: str | None = None  # of an account event


class JetstreamEvent(msgspec.Struct, gc=False):
    """An event in Jetstream's v1 format; the field that `kind` names (such as `commit`) holds its body."""

    did: str
    time_us: TimeUs
    kind: Literal["commit", "identity", "account", "sync"]
    commit: Commit | None = None
    identity: NonCommitBody | None = None
    account: NonCommitBody | None = None
    sync: NonCommitBody | None = None
    seq: SequenceNumber | None = None  # sequence number of Jetstream itself, which only v2 servers add


def is_absent_or_null(raw: msgspec.Raw) -> bool:
    """Return whether a field that was not decoded is absent or null."""
    return bytes(raw) in {b"", b"null"}


class EventWithRawRecord(msgspec.Struct, gc=False):
    """An event in the v1 format whose record is not decoded."""

    did: str
    time_us: TimeUs
    kind: Literal["commit", "identity", "account", "sync"]
    commit: CommitWithRawRecord | None = None
    identity: NonCommitBody | None = None
    account: NonCommitBody | None = None
    sync: NonCommitBody | None = None
    seq: SequenceNumber | None = None


class V2Payload(msgspec.Struct, gc=False):
    """Payload of a v2 frame: the fields of all kinds of events side by side, those of other kinds absent."""

    type: str = msgspec.field(name="$type")
    did: str
    time: str
    seq: SequenceNumber | None = None
    operation: Operation | None = None
    collection: CollectionName | None = None
    rkey: RecordKey | None = None
    rev: Revision | None = None
    record: Any = ABSENT
    identity: NonCommitBody | None = None
    account: NonCommitBody | None = None
    sync: NonCommitBody | None = None


class V2PayloadWithRawRecord(V2Payload, gc=False):
    """Payload of a v2 frame whose record is not decoded."""

    record: msgspec.Raw = ABSENT


class V2Frame(msgspec.Struct, gc=False):
    """A line in Jetstream's v2 format: an event as the payload of a message."""

    type: Literal["message"] = msgspec.field(name="$type")
    payload: V2Payload


def build_line_types(collections: Iterable[str]) -> tuple[type[JetstreamEvent], type[V2Frame]]:
    """Build variants of `JetstreamEvent` and `V2Frame` that decode commits of these collections only.

    Decoding an event of any other collection raises `msgspec.ValidationError`.

    Args:
        collections: Known collections beside those of `RECORD_TYPES`; their records are skipped.
    """
    others = sorted(set(collections) - set(RECORD_TYPES))
    passed_by = [
        msgspec.defstruct(f"PassedBy{number}", [], tag=nsid, tag_field="$type", gc=False)
        for number, nsid in enumerate(others)
    ]
    # Literal: msgspec then reuses one string for each known name instead of creating one per line.
    named = ("collection", Literal[(*RECORD_TYPES, *others)])
    record = ("record", Union[(*RECORD_TYPES.values(), *passed_by, None)], None)
    commit = msgspec.defstruct("KnownCommit", [named, record], bases=(Commit,), gc=False)
    event = msgspec.defstruct("KnownEvent", [("commit", commit | None, None)], bases=(JetstreamEvent,), gc=False)
    payload = msgspec.defstruct("KnownPayload", [(*named, None), record], bases=(V2Payload,), gc=False)
    frame = msgspec.defstruct("KnownFrame", [("payload", payload)], bases=(V2Frame,), gc=False)
    return cast("type[JetstreamEvent]", event), cast("type[V2Frame]", frame)
