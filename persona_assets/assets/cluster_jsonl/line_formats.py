"""The formats of a line of `cluster_<N>.jsonl`, by the names that the setting `PERSONA_CLUSTER_FORMAT` takes.

A line is an array of messages `{"user_id", "text", <time>}`; `text` is absent if empty. An action is written as a
second message `{"user_id", "actions", <time>, "text"}` after the message that it is about. A format defines what is
written around the array, and how the time of a message is written. `serialise` assembles lines by it, and
`line_schema` describes them.
"""

from collections.abc import Mapping
from typing import NamedTuple

from persona_assets.common.columns import ColumnDescription


class LineFormat(NamedTuple):
    """A format of JSON lines: the text before and after the messages, and the key and unit of their time."""

    opens: tuple[str, ...]  # JSON before the first message; the cluster's number is inserted between two pieces
    closes: tuple[str, ...]  # JSON after the last value of the last message, in the same way, with the newline
    time: ColumnDescription  # key, type and meaning of a message's time
    is_time_relative: bool  # True: rank among the times of all lines; False: microseconds since 1970 (UTC)
    messages: str  # how descriptions name a message of the line
    around: tuple[ColumnDescription, ...] = ()  # keys of the line beside its messages


LINE_FORMATS: Mapping[str, LineFormat] = {
    # BluePrint's pipeline (arXiv 2510.02343).
    "arrays": LineFormat(
        opens=("[",),
        closes=("}]\n",),
        time=ColumnDescription("unix_epoch", "time in microseconds (UTC)", "When it was said or done.", nullable=False),
        is_time_relative=False,
        messages="[]",
    ),
    # BluePrint's published data set. There `relative_integer_time` is a row number, so that a message has another one
    # in each line that shows it.
    "blueprint": LineFormat(
        opens=('{"thread":[',),
        closes=('}],"cluster_id":', "}\n"),
        time=ColumnDescription(
            "relative_integer_time",
            "whole number",
            "Place of its time among all times of the day's files, from 0.",
            nullable=False,
        ),
        is_time_relative=True,
        messages="thread[]",
        around=(ColumnDescription("cluster_id", "whole number", "The cluster of the file.", nullable=False),),
    ),
}
