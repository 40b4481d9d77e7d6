"""The tables that rooms hand over: one Arrow schema each, a comment per column.

Column names here are a contract with scripts outside the project. An IO manager refuses a table whose
schema differs, so that a mistake fails where it is made and not three rooms later.

Types: identifiers and texts are `string`, instants `int64` microseconds of the Unix epoch (Jetstream's
`time_us`), closed sets `dictionary<int8 or int32, string>`, vectors `fixed_size_list<float16 or float32>[d]`.
"""

import pyarrow as pa

from persona_assets.errors import SchemaError

CLOSED_SET = pa.dictionary(pa.int8(), pa.string())
OPEN_SET = pa.dictionary(pa.int32(), pa.string())

ACTIONS = (
    "post",
    "reply",
    "quote",
    "like",
    "unlike",
    "repost",
    "unrepost",
    "follow",
    "unfollow",
    "block",
    "unblock",
    "post_update",
    "post_delete",
    "profile_update",
    "account_status",
)
# The actions that are a message of the user's own; a post that both replies and quotes is a "quote".
MESSAGES = ("post", "reply", "quote")


def _not_null(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


# One commit, identity, account or sync event, whatever its collection. Which file it came from is left out, so
# that the same events in other files give the same bytes.
RAW_EVENTS = pa.schema(
    [
        _not_null("event_time_us", pa.int64()),  # Jetstream's time_us: when the relay saw it
        _not_null("user_id", pa.string()),  # DID of the account
        _not_null("kind", CLOSED_SET),  # commit, identity, account or sync
        pa.field("collection", OPEN_SET),  # NSID; null for all but commits
        pa.field("operation", CLOSED_SET),  # create, update or delete; null for all but commits
        pa.field("rkey", pa.string()),  # record key; null for identity and account events
        pa.field("rev", pa.string()),  # repository revision; null for identity and account events
        pa.field("text", pa.string()),  # of a post; the description of a profile
        pa.field("langs", pa.list_(pa.string())),  # as declared by the author's client; null when absent
        pa.field("parent_uri", pa.string()),  # the post that is answered
        pa.field("root_uri", pa.string()),  # the post that its thread starts with
        pa.field("quoted_uri", pa.string()),  # the record embedded, by either embed that can hold one
        pa.field("subject_uri", pa.string()),  # the record liked or reposted
        pa.field("subject_did", pa.string()),  # the account followed or blocked
        pa.field("account_active", pa.bool_()),  # of an account event
        pa.field("account_status", pa.string()),  # of an account event: deleted, takendown, deactivated, ...
        pa.field("seq", pa.int64()),  # the event's sequence number, where the wire form gives one
    ]
)

# One line of the capture that is no event, with what is needed to find and mend it.
REJECTED_LINES = pa.schema(
    [
        _not_null("source_file", pa.string()),  # path below the capture's root
        _not_null("line_number", pa.int64()),  # from 1; 0 when the file itself could not be read
        _not_null("reason", OPEN_SET),
        _not_null("raw", pa.binary()),  # the line's bytes without its line end, cut at RAW_LIMIT_BYTES
        _not_null("raw_bytes", pa.int64()),  # its true length
    ]
)

# One action of one user, duplicates folded.
USER_ACTIONS = pa.schema(
    [
        _not_null("user_id", pa.string()),  # DID of who acts
        # ACTIONS; the table is sorted by it. No dictionary: of a dictionary pyarrow does not know the least and the
        # greatest value in a row group, by which it skips those of other actions.
        _not_null("action", pa.string()),
        _not_null("event_time_us", pa.int64()),
        pa.field("uri", pa.string()),  # at://user_id/collection/rkey; for an undo, that of the record undone;
        # null for account_status
        pa.field("text", pa.string()),  # of a message or post_update; the description of a profile_update
        pa.field("langs", pa.list_(pa.string())),
        pa.field("parent_uri", pa.string()),  # of a reply, or of a quote that is also a reply
        pa.field("root_uri", pa.string()),
        pa.field("quoted_uri", pa.string()),  # of a quote
        pa.field("target_uri", pa.string()),  # the record liked, reposted, answered, quoted, updated, deleted
        pa.field("target_user_id", pa.string()),  # its owner; the account followed or blocked
        pa.field("account_status", pa.string()),  # of account_status: "active" or Jetstream's status
    ]
)

# One English post, reply or quote.
ENGLISH_POSTS = pa.schema(
    [
        _not_null("uri", pa.string()),
        _not_null("user_id", pa.string()),
        _not_null("action", CLOSED_SET),  # MESSAGES
        _not_null("text", pa.string()),
        _not_null("event_time_us", pa.int64()),
        _not_null("is_english", pa.bool_()),  # true in every row kept: the column says what was decided
        _not_null("language_reason", OPEN_SET),  # how that was decided
    ]
)

# One user with enough English posts in the window.
ENGLISH_USERS = pa.schema(
    [
        _not_null("user_id", pa.string()),
        _not_null("posts", pa.int64()),  # posts, replies and quotes in any language
        _not_null("english_posts", pa.int64()),
        _not_null("english_share", pa.float64()),  # english_posts / posts
    ]
)

# One user of the window and its persona.
CLUSTERS = pa.schema(
    [
        _not_null("user_id", pa.string()),
        _not_null("cluster_id", pa.int32()),  # 0 is the largest
        _not_null("similarity", pa.float32()),  # cosine of the user's vector and its cluster's centre
    ]
)

# The outcome of what stands in the files of two days: it is counted there, and as an action nowhere.
SEEN_BEFORE = "record seen before"

# What became of a persona from one day to the next: a row for each cluster of the day, and for each persona that ended.
LINEAGE = pa.schema(
    [
        _not_null("day", pa.date32()),
        _not_null("persona_id", pa.int32()),  # the same from day to day, never given again
        _not_null("event", CLOSED_SET),  # born, continued, split, merged or gone; on the first day all are born
        pa.field("cluster_id", pa.int32()),  # of the day; null when merged or gone
        _not_null("users", pa.int64()),  # of that cluster; 0 when merged or gone
        pa.field("related_persona_id", pa.int32()),  # split: from which; merged: into which
        pa.field("previous_day", pa.date32()),  # the one compared with: the last before that has clusters
        pa.field("previous_cluster_id", pa.int32()),  # of previous_day: continued, split from, merged or gone
        pa.field("shared_users", pa.int64()),  # in that cluster and in the one it went on, split or merged into
        pa.field("overlap", pa.float64()),  # of the two, 0 to 1: shared users among those who can be in both
        pa.field("centre_similarity", pa.float64()),  # cosine of the centres of the two; null where their
        # days' vectors differ in width or are of two models. A model is known since `vector_model` is noted: days
        # of before count as of the same.
    ]
)

# What became of the window's actions, in numbers: it adds up to `user_actions` over the window.
ACTION_ACCOUNTING = pa.schema(
    [
        pa.field("cluster_id", pa.int32()),  # of who acted; null when that user is in no cluster
        _not_null("action", CLOSED_SET),
        _not_null("outcome", pa.string()),  # "written", or why not
        _not_null("actions", pa.int64()),
    ]
)

# When the users of clusters act, in numbers.
ACTIONS_BY_HOUR = pa.schema(
    [
        _not_null("cluster_id", pa.int32()),
        _not_null("action", CLOSED_SET),  # all but account_status, which is not the user's doing
        _not_null("hour", pa.int8()),  # of the day, UTC
        _not_null("actions", pa.int64()),
    ]
)

# How much one user of a cluster does.
ACTIONS_PER_USER = pa.schema(
    [
        _not_null("cluster_id", pa.int32()),
        _not_null("action", CLOSED_SET),  # or "total"
        _not_null("median", pa.float64()),  # over all users of the cluster, those who did none too
    ]
)

# Why a line says that a user let a post pass: an estimate, one row a line of "ignore".
IGNORED_EVIDENCE = pa.schema(
    [
        _not_null("user_id", pa.string()),
        _not_null("cluster_id", pa.int32()),  # of the user
        _not_null("uri", pa.string()),  # of the post
        _not_null("event_time_us", pa.int64()),  # of the user's act that followed, and of the line
        _not_null("rule", CLOSED_SET),  # what made the post a candidate
        pa.field("shown_by", pa.string()),  # the followed account that wrote, liked or reposted it; null if drawn
        _not_null("shown_time_us", pa.int64()),  # when it did, or when the post was written
        _not_null("similarity", pa.float32()),  # cosine with the nearest centre of what the cluster engages with
        _not_null("weight", pa.float32()),  # of the post among that: 1, +2 if acted on, +0.5 per follower
    ]
)

RAW_LIMIT_BYTES = 65_536

# Which model made vectors: metadata of the schema of `embeddings` and of the centres beside `clusters`.
_MODEL = b"persona_assets.model"


def embeddings_schema(dimensions: int, dtype: pa.DataType | None = None) -> pa.Schema:
    """Return the schema of `embeddings`: `uri`, `user_id` and `vector` of `dimensions` float16 (or `dtype`).

    Vectors have unit length, up to the rounding of their dtype.
    """
    vector = pa.list_(pa.field("element", dtype or pa.float16()), dimensions)
    return pa.schema([_not_null("uri", pa.string()), _not_null("user_id", pa.string()), _not_null("vector", vector)])


def centres_schema(dimensions: int) -> pa.Schema:
    """Return the schema of the centres beside `clusters`: unit vectors, one row a cluster, by `cluster_id`."""
    vector = pa.list_(pa.field("element", pa.float32()), dimensions)
    return pa.schema([_not_null("cluster_id", pa.int32()), _not_null("users", pa.int64()), _not_null("centre", vector)])


def with_vector_model(schema: pa.Schema, model: str | None) -> pa.Schema:
    """Return `schema` with a note of the model that made its vectors; None notes nothing."""
    if model is None:
        return schema
    return schema.with_metadata({**(schema.metadata or {}), _MODEL: model.encode()})


def vector_model(schema: pa.Schema) -> str | None:
    """Return the model that made the vectors of a table; None where its schema does not say.

    Vectors of one model can be compared, whatever machine and precision they were computed with; those of two cannot,
    even if they have the same width.
    """
    model = (schema.metadata or {}).get(_MODEL)
    return None if model is None else model.decode()


def vector_width(schema: pa.Schema, column: str = "vector") -> int:
    """Return the number of dimensions of a vector column.

    Raises:
        SchemaError: The column is not a `fixed_size_list`.
    """
    kind = schema.field(column).type
    if not pa.types.is_fixed_size_list(kind):
        raise SchemaError(f"column {column!r} is {kind}, not fixed_size_list: write it again with this version")
    return kind.list_size


def require_schema(found: pa.Schema, expected: pa.Schema, *, table: str) -> None:
    """Refuse a schema that differs from what its room promises, in names, order, types or nullability.

    Raises:
        SchemaError: Names the table and each column that differs.
    """
    if found.equals(expected, check_metadata=False):
        return
    there, wanted = [_describe(field) for field in found], [_describe(field) for field in expected]
    missing = [field for field in wanted if field not in there]
    surplus = [field for field in there if field not in wanted]
    raise SchemaError(
        f"{table}: the table does not match its schema in tables.py; missing or other: {missing}; "
        f"not expected: {surplus}" + ("" if missing or surplus else "; the order of columns differs")
    )


def _describe(field: pa.Field) -> str:
    return f"{field.name}: {field.type}{'' if field.nullable else ' not null'}"


_FIXED = {
    "raw_events": RAW_EVENTS,
    "rejected_lines": REJECTED_LINES,
    "user_actions": USER_ACTIONS,
    "english_posts": ENGLISH_POSTS,
    "english_users": ENGLISH_USERS,
    "clusters": CLUSTERS,
    "lineage": LINEAGE,
}


def expected_schema(table: str, found: pa.Schema) -> pa.Schema:
    """Return the schema that `table` must have; of `embeddings`, for the width and dtype that it has.

    Raises:
        SchemaError: No table has that name, or `vector` is no vector of float16 or float32.
    """
    if table in _FIXED:
        return _FIXED[table]
    if table != "embeddings":
        raise SchemaError(f"{table} is no table of tables.py: add its schema there")
    width, element = vector_width(found), found.field("vector").type.value_type
    if element not in (pa.float16(), pa.float32()):
        raise SchemaError(f"embeddings: vector holds {element}, expected float16 or float32")
    return embeddings_schema(width, element)
