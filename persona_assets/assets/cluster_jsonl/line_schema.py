"""Describe the keys of a line of `cluster_<N>.jsonl`, as the UI's column schema shows them."""

from persona_assets.assets.cluster_jsonl.line_formats import LINE_FORMATS
from persona_assets.common.columns import ColumnDescription
from persona_assets.common.line_tables import ACTION_KEYS


def describe_line(line_format: str) -> list[ColumnDescription]:
    """Return name, type and meaning of each key of a line.

    Args:
        line_format: Name of the format in `LINE_FORMATS`. Names of keys begin as the format names a message, such as
            `[].` for each element of the line's array.
    """
    form = LINE_FORMATS[line_format]
    message = [
        ColumnDescription("user_id", "text", "Permanent id (DID) of the user who wrote or acted.", nullable=False),
        ColumnDescription("text", "text", "What was written. The key is absent where there is no text."),
        form.time,
        ColumnDescription(
            "actions",
            f"{len(ACTION_KEYS)} keys, true or false",
            f"Only of an action on the message before it: {', '.join(ACTION_KEYS)}, one of them true.",
        ),
    ]
    return [*(column._replace(name=f"{form.messages}.{column.name}") for column in message), *form.around]
