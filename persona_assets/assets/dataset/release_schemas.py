"""The columns of the forms `chat`, `threads` and `dehydrated`. All forms share the first columns."""

import pyarrow as pa

from persona_assets.assets.dataset.forms import MESSAGES
from persona_assets.common.columns import column, required_column

# The keys of `actions` in the published form, in its order; one is true.
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
THREAD = pa.list_(
    pa.struct(
        [
            ("user_id", pa.string()),
            ("text", pa.string()),
            ("relative_integer_time", pa.int64()),
            ("actions", pa.struct([(key, pa.bool_()) for key in ACTION_KEYS])),
        ]
    )
)

# What each row of each form has: which persona and line it is of, and where it comes from.
COMMON = (
    required_column("persona", pa.string(), "The persona, such as persona_3."),
    required_column("persona_name", pa.string(), "Its name."),
    required_column("line_id", pa.int64(), "Number of the line; the same in all forms of the day."),
    required_column("split", pa.string(), "train, validation or test."),
    required_column("day", pa.date32(), "The day (UTC) with which the window ends."),
    required_column("window_from", pa.date32(), "The first day of the window."),
    required_column("act", pa.string(), "What the persona's user did: post, reply, quote, like, ..., or ignore."),
)

CHAT = pa.schema(
    [
        *COMMON,
        required_column("user", pa.string(), "Pseudonym of that user, within the setting's scope."),
        required_column("time", pa.timestamp("ms", "UTC"), "When it was done, rounded down to the hour."),
        required_column("tokens", pa.int32(), "Tokens of all contents, by the data set's tokenizer."),
        required_column("left_out", pa.int32(), "Oldest messages that the limit of tokens left out."),
        required_column("messages", MESSAGES, "The system's card, what others wrote, and what the user answered."),
        required_column("prompt", MESSAGES, "All messages but the last."),
        required_column("completion", MESSAGES, "The last message: what the user did."),
    ]
)

THREADS = pa.schema(
    [
        *COMMON,
        required_column("cluster_id", pa.int32(), "The cluster of the day."),
        required_column("thread", THREAD, "The line in BluePrint's published form; times are seconds since its start."),
    ]
)

DEHYDRATED = pa.schema(
    [
        *COMMON,
        column("uri", pa.string(), "Address of the record of the act; empty where it has none, as of ignore."),
        required_column("uris", pa.list_(pa.string()), "Addresses of the messages that the line shows, in order."),
        required_column("user_id", pa.string(), "Id (DID) of the user, which addresses name too."),
    ]
)

# By the name of the form.
FORMS = {"chat": CHAT, "threads": THREADS, "dehydrated": DEHYDRATED}
