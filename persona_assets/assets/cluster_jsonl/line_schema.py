"""Describe the lines of `cluster_<N>.jsonl`, key by key."""

from persona_assets.assets.cluster_jsonl.serialise import ACT_KEYS, LineFormat
from persona_assets.common.columns import ColumnInWords

_TIMES: dict[LineFormat, ColumnInWords] = {
    "arrays": ColumnInWords("unix_epoch", "time in microseconds (UTC)", "When it was said or done.", nullable=False),
    "blueprint": ColumnInWords(
        "relative_integer_time",
        "whole number",
        "Place of its time among all times of the day's files, from 0.",
        nullable=False,
    ),
}


def describe_line(line_format: LineFormat) -> list[ColumnInWords]:
    """Return what a line holds: `[]` stands for each message of its array, in the order in which they were answered."""
    is_array = line_format == "arrays"
    place = "[]." if is_array else "thread[]."
    message = [
        ColumnInWords("user_id", "text", "Permanent id (DID) of the user who wrote or acted.", nullable=False),
        ColumnInWords("text", "text", "What was written. The key is absent where there is no text."),
        _TIMES[line_format],
        ColumnInWords(
            "actions",
            f"{len(ACT_KEYS)} keys, true or false",
            f"Only of an action on the message before it: {', '.join(ACT_KEYS)}, of which one is true.",
        ),
    ]
    columns = [column._replace(name=f"{place}{column.name}") for column in message]
    if is_array:
        return columns
    return [*columns, ColumnInWords("cluster_id", "whole number", "The cluster of the file.", nullable=False)]
