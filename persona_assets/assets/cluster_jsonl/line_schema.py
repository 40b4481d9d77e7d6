"""Describe the lines of `cluster_<N>.jsonl`, key by key."""

from persona_assets.assets.cluster_jsonl.line_formats import LINE_FORMATS
from persona_assets.assets.cluster_jsonl.serialise import ACT_KEYS
from persona_assets.common.columns import ColumnDescription


def describe_line(line_format: str) -> list[ColumnDescription]:
    """Return what a line holds, key by key, by the name of its format in `LINE_FORMATS`.

    `[]` stands for each message of the line's array, in the order in which they were answered.
    """
    form = LINE_FORMATS[line_format]
    message = [
        ColumnDescription("user_id", "text", "Permanent id (DID) of the user who wrote or acted.", nullable=False),
        ColumnDescription("text", "text", "What was written. The key is absent where there is no text."),
        form.time,
        ColumnDescription(
            "actions",
            f"{len(ACT_KEYS)} keys, true or false",
            f"Only of an action on the message before it: {', '.join(ACT_KEYS)}, of which one is true.",
        ),
    ]
    return [*(column._replace(name=f"{form.messages}.{column.name}") for column in message), *form.around]
