"""The Arrow schemas of the tables that assets pass to each other, with a description of each column.

Scripts outside the project rely on the column names. The IO manager refuses a table with another schema, so that an
error is raised by the asset that made the table and not by a later one.

Types: identifiers and texts are `string`, times are `int64` microseconds of the Unix epoch (Jetstream's `time_us`),
categories are `dictionary<int8 or int32, string>`, vectors are `fixed_size_list<float16 or float32>[d]`.
"""

import datetime as dt

import pyarrow as pa

from persona_assets.common.columns import column, required_column
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
# The actions that write a message. A post that both replies and quotes is a "quote".
MESSAGES = ("post", "reply", "quote")

# One row per commit, identity, account or sync event, of any collection. The source file is not a column, so that the
# same events in other files give the same bytes.
RAW_EVENTS = pa.schema(
    [
        required_column("event_time_us", pa.int64(), "When the relay saw the event: Jetstream's time_us."),
        required_column("user_id", pa.string(), "The account's permanent id (DID)."),
        required_column("kind", CLOSED_SET, "commit, identity, account or sync."),
        column("collection", OPEN_SET, "What kind of record was changed (NSID); empty for all but commits."),
        column("operation", CLOSED_SET, "create, update or delete; empty for all but commits."),
        column("rkey", pa.string(), "The record's key within its collection; empty for identity and account events."),
        column("rev", pa.string(), "Revision of the account's repository; empty for identity and account events."),
        column("text", pa.string(), "Text of a post, or the description of a profile."),
        column("langs", pa.list_(pa.string()), "Languages that the author's app declared; empty if it declared none."),
        column("parent_uri", pa.string(), "The post that is answered."),
        column("root_uri", pa.string(), "The post that the thread starts with."),
        column("quoted_uri", pa.string(), "The record that is quoted, by either embed that can hold one."),
        column("subject_uri", pa.string(), "The record that is liked or reposted."),
        column("subject_did", pa.string(), "The account that is followed or blocked."),
        column("account_active", pa.bool_(), "Of an account event: whether the account is active."),
        column("account_status", pa.string(), "Of an account event: deleted, takendown, deactivated, ..."),
        column("seq", pa.int64(), "The event's sequence number, where the wire form gives one."),
        column("self_labels", pa.list_(pa.string()), "Labels that an account gives itself in its profile, as bot."),
        column("preference_json", pa.string(), "A declaration of what the account's data may be used for, as JSON."),
    ]
)

# One row per line of the capture that is no event, with what is needed to find and correct it.
REJECTED_LINES = pa.schema(
    [
        required_column("source_file", pa.string(), "Path of the file below the capture's root."),
        required_column("line_number", pa.int64(), "Counted from 1; 0 for the whole file, if it is not readable."),
        required_column("reason", OPEN_SET, "Why the line is no event."),
        required_column("raw", pa.binary(), "The line without its line end, cut after 64 KiB."),
        required_column("raw_bytes", pa.int64(), "Length of the whole line in bytes."),
    ]
)

# One row per action of a user, without duplicates.
USER_ACTIONS = pa.schema(
    [
        required_column("user_id", pa.string(), "Permanent id (DID) of the user who acts."),
        # Not a dictionary: pyarrow writes no minimum and maximum of a dictionary column, by which readers skip the row
        # groups of other actions.
        required_column("action", pa.string(), "What the user did: post, reply, quote, like, ...; sorted by it."),
        required_column("event_time_us", pa.int64(), "When the relay first saw it."),
        column("uri", pa.string(), "Address of the record; of an undo, the record undone; empty in account_status."),
        column("text", pa.string(), "Text of a message or post_update; the description of a profile_update."),
        column("langs", pa.list_(pa.string()), "Languages that the author's app declared."),
        column("parent_uri", pa.string(), "The post that is answered, by a reply or a quote that also replies."),
        column("root_uri", pa.string(), "The post that the thread starts with."),
        column("quoted_uri", pa.string(), "The post that a quote quotes."),
        column("target_uri", pa.string(), "The record that is liked, reposted, answered, quoted, updated or deleted."),
        column("target_user_id", pa.string(), "Owner of that record, or the account that is followed or blocked."),
        column("account_status", pa.string(), 'Of account_status: "active", or Jetstream\'s status.'),
    ]
)

# One row per English post, reply or quote.
ENGLISH_POSTS = pa.schema(
    [
        required_column("uri", pa.string(), "Address of the post."),
        required_column("user_id", pa.string(), "Permanent id (DID) of its author."),
        required_column("action", CLOSED_SET, "post, reply or quote."),
        required_column("text", pa.string(), "What the author wrote."),
        required_column("event_time_us", pa.int64(), "When the relay first saw it."),
        required_column("is_english", pa.bool_(), "True in every row kept: in the language of the settings."),
        required_column("language_reason", OPEN_SET, "How the language was decided."),
    ]
)

# One row per user with enough English posts in the window.
ENGLISH_USERS = pa.schema(
    [
        required_column("user_id", pa.string(), "Permanent id (DID) of the user."),
        required_column("posts", pa.int64(), "Posts, replies and quotes in the window, in any language."),
        required_column("english_posts", pa.int64(), "Those of them in English, or the language of the settings."),
        required_column("english_share", pa.float64(), "english_posts divided by posts, 0 to 1."),
    ]
)

# One row per user of the window, with its cluster.
CLUSTERS = pa.schema(
    [
        required_column("user_id", pa.string(), "Permanent id (DID) of the user."),
        required_column("cluster_id", pa.int32(), "Number of the user's cluster on this day; 0 is the largest."),
        required_column("similarity", pa.float32(), "Cosine of the user's vector and its cluster's centre, -1 to 1."),
    ]
)

# The outcome of a duplicate: a record that is in the files of two days of the window. It is not counted as an action.
SEEN_BEFORE = "record seen before"

# One row per cluster of a day, and per persona that ended on that day.
LINEAGE = pa.schema(
    [
        required_column("day", pa.date32(), "The day (UTC) with which the window ends."),
        required_column("persona_id", pa.int32(), "The persona's number: the same from day to day, never given again."),
        required_column("event", CLOSED_SET, "born, continued, split, merged or gone; on the first day all are born."),
        column("cluster_id", pa.int32(), "Its cluster on that day; empty when merged or gone."),
        required_column("users", pa.int64(), "Users of that cluster; 0 when merged or gone."),
        column("related_persona_id", pa.int32(), "Of a split: from which persona; of a merger: into which."),
        column("previous_day", pa.date32(), "The day compared with: the last one before that has clusters."),
        column("previous_cluster_id", pa.int32(), "Its cluster on previous_day: continued, split, merged or gone."),
        column("shared_users", pa.int64(), "Users in that cluster and in the one it continued, split or merged into."),
        column("overlap", pa.float64(), "Share of these among the users who can be in both clusters, 0 to 1."),
        # Days of version 0.1 have no `vector_model`; their model is assumed to be the same.
        column("centre_similarity", pa.float64(), "Cosine of the two centres; empty where their models differ."),
    ]
)

# Number of the window's actions by outcome. The sum is the number of rows of `user_actions` over the window.
ACTION_ACCOUNTING = pa.schema(
    [
        column("cluster_id", pa.int32(), "Cluster of the user who acted; empty when the user is in none."),
        required_column("action", CLOSED_SET, "What the user did."),
        required_column("outcome", pa.string(), '"written", or why the action is in no file.'),
        required_column("actions", pa.int64(), "Number of such actions in the window."),
    ]
)

# Number of actions by cluster, action and hour of the day.
ACTIONS_BY_HOUR = pa.schema(
    [
        required_column("cluster_id", pa.int32(), "Cluster of the users who acted."),
        required_column("action", CLOSED_SET, "What they did; account_status is left out, as it is not their doing."),
        required_column("hour", pa.int8(), "Hour of the day (UTC), 0 to 23."),
        required_column("actions", pa.int64(), "Number of such actions in the window."),
    ]
)

# Median number of actions per user, by cluster and action.
ACTIONS_PER_USER = pa.schema(
    [
        required_column("cluster_id", pa.int32(), "The cluster."),
        required_column("action", CLOSED_SET, 'The action, or "total".'),
        required_column("median", pa.float64(), "Median number of actions per user; users who did none count as 0."),
    ]
)

RAW_LIMIT_BYTES = 65_536  # maximum length of `raw` in REJECTED_LINES

# The last column of every stored table with partitions: the partition's day (UTC). With it, the files of several days
# can be read as one table. Assets read their inputs without it.
DAY = required_column("day", pa.date32(), "The day (UTC) of the file.")

# Key in the schema metadata of `embeddings` and `cluster_centres`; the value identifies the model of the vectors.
_MODEL = b"persona_assets.model"


def embeddings_schema(dimensions: int, dtype: pa.DataType | None = None) -> pa.Schema:
    """Return the schema of the table `embeddings`, with vectors of `dimensions` values of `dtype` (default float16).

    Vectors have norm 1, up to the rounding of their dtype.
    """
    vector = pa.list_(pa.field("element", dtype or pa.float16()), dimensions)
    return pa.schema(
        [
            required_column("uri", pa.string(), "Address of the post."),
            required_column("user_id", pa.string(), "Permanent id (DID) of its author."),
            required_column("vector", vector, "What the post is about, as a point of unit length: near means alike."),
        ]
    )


def centres_schema(dimensions: int) -> pa.Schema:
    """Return the schema of `cluster_centres`, the side table of `clusters` with one unit vector per cluster."""
    vector = pa.list_(pa.field("element", pa.float32()), dimensions)
    return pa.schema(
        [
            required_column("cluster_id", pa.int32(), "The cluster; 0 is the largest."),
            required_column("users", pa.int64(), "Number of its users."),
            required_column("centre", vector, "Direction of the mean of its users' vectors, of unit length."),
        ]
    )


def add_day_field(schema: pa.Schema) -> pa.Schema:
    """Return `schema` plus the column `day` at the end, as in the file of a partition."""
    return schema.append(DAY)


def add_day_column(table: pa.Table, day: dt.date) -> pa.Table:
    """Return `table` plus the column `day` at the end, as in the file of a partition."""
    return table.append_column(DAY, pa.repeat(pa.scalar(day, DAY.type), table.num_rows))


def add_vector_model(schema: pa.Schema, model: str | None) -> pa.Schema:
    """Return `schema` with the name of the embedding model in its metadata; unchanged if `model` is None."""
    if model is None:
        return schema
    return schema.with_metadata({**(schema.metadata or {}), _MODEL: model.encode()})


def read_vector_model(schema: pa.Schema) -> str | None:
    """Return the name of the embedding model in the metadata of a schema; None if there is none.

    Vectors of the same model are comparable, also if the machine or the precision differs. Vectors of two models are
    not, even if they have the same width.
    """
    model = (schema.metadata or {}).get(_MODEL)
    return None if model is None else model.decode()


def read_vector_width(schema: pa.Schema, column: str = "vector") -> int:
    """Return the number of dimensions of a vector column.

    Raises:
        SchemaError: The column is not a `fixed_size_list`.
    """
    kind = schema.field(column).type
    if not pa.types.is_fixed_size_list(kind):
        raise SchemaError(f"column {column!r} is {kind}, not fixed_size_list: write it again with this version")
    return kind.list_size


_SCHEMAS = {
    "raw_events": RAW_EVENTS,
    "rejected_lines": REJECTED_LINES,
    "user_actions": USER_ACTIONS,
    "english_posts": ENGLISH_POSTS,
    "english_users": ENGLISH_USERS,
    "clusters": CLUSTERS,
    "lineage": LINEAGE,
}


def declare_schema(table: str, schema: pa.Schema) -> pa.Schema:
    """Register the schema of an asset's table, so that the IO manager refuses another one, and return it.

    The module `stored_tables` of an asset calls this. Schemas that several assets use are in this module.
    """
    _SCHEMAS[table] = schema
    return schema


def expected_schema(table: str, found: pa.Schema) -> pa.Schema:
    """Return the schema that `table` must have, without the column `day` of its files.

    For `embeddings`, width and dtype of the vectors are taken from `found`. A table that is not declared, such as one
    of a user's own asset, may have any columns: `found` is returned without `day`.

    Args:
        table: Name of the asset.
        found: Schema of the table to check.

    Raises:
        SchemaError: `vector` of `embeddings` is not a fixed-size list of float16 or float32.
    """
    if table in _SCHEMAS:
        return _SCHEMAS[table]
    if table != "embeddings":
        day = found.get_field_index(DAY.name)
        return found if day < 0 else found.remove(day)
    width, element = read_vector_width(found), found.field("vector").type.value_type
    if element not in (pa.float16(), pa.float32()):
        raise SchemaError(f"embeddings: vector holds {element}, expected float16 or float32")
    return embeddings_schema(width, element)
