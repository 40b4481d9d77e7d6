"""The columns of the forms `chat`, `threads` and `dehydrated`. All forms share the first columns."""

import pyarrow as pa

from persona_assets.assets.dataset.forms import COMMON, MESSAGES, NEXT_ACTION, PREFERENCE, UNPAIRED_PREFERENCE
from persona_assets.common.columns import column, required_column
from persona_assets.common.line_tables import ACTION_KEYS
from persona_assets.errors import SettingsError

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
FORMS = {
    "chat": CHAT,
    "threads": THREADS,
    "dehydrated": DEHYDRATED,
    "next_action": NEXT_ACTION,
    "preference": PREFERENCE,
    "unpaired_preference": UNPAIRED_PREFERENCE,
}
# The forms that are made from pairs of an action and an ignored post.
PAIRED_FORMS = ("preference", "unpaired_preference")


def parse_forms(forms: str) -> tuple[str, ...]:
    """Parse a setting such as "chat,threads"; return the names of the forms in the order of `FORMS`.

    Raises:
        SettingsError: There is no such form.
    """
    asked = {name.strip() for name in forms.split(",")}
    if unknown := sorted(asked - set(FORMS)):
        raise SettingsError(f"PERSONA_DATASET_FORMS: {', '.join(unknown)} is no form; these are: {', '.join(FORMS)}")
    return tuple(form for form in FORMS if form in asked)
