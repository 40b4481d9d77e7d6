"""The actions of lines, and the tables that `cluster_jsonl` stores beside its lines, of which data sets are made."""

import pyarrow as pa

from persona_assets.common.columns import column, required_column
from persona_assets.tables import CLOSED_SET

# The keys of "actions" in a line, in the reference's order. Exactly one is true.
ACTION_KEYS = (
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
    "quote",
    "ignore",
)

# One row per line of `cluster_<N>.jsonl`: what is needed to make a data set of lines without their JSON.
LINES = pa.schema(
    [
        required_column("cluster_id", pa.int32(), "The cluster of the file."),
        required_column("line_number", pa.int64(), "Place of the line in that file, counted from 0."),
        required_column("user_id", pa.string(), "Who wrote the last message, or acted: a user of the cluster (DID)."),
        required_column("action", CLOSED_SET, "What the line ends with: post, reply, quote, like, ..., or ignore."),
        required_column("event_time_us", pa.int64(), "When that was done."),
        column("uri", pa.string(), "Address of the record of that action; empty where it has none, as of ignore."),
        column("text", pa.string(), "The action's own text: of a quote, post_update or profile_update."),
        required_column(
            "messages",
            pa.list_(pa.int32()),
            "Numbers, in line_messages, of the messages that the line shows, first to last: a conversation with its "
            "last message, or what the action is about.",
        ),
    ]
)

# One row per message that lines show.
LINE_MESSAGES = pa.schema(
    [
        required_column("message", pa.int32(), "Number of the message, by time and address; counted from 0."),
        required_column("uri", pa.string(), "Address of the message; it names the author."),
        required_column("event_time_us", pa.int64(), "When the relay first saw it."),
    ]
)

# By the name of their files.
LINE_TABLES = {"lines": LINES, "line_messages": LINE_MESSAGES}
