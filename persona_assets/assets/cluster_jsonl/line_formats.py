"""The forms that a line of `cluster_<N>.jsonl` can have, by the name that PERSONA_CLUSTER_FORMAT gives.

A line is an array of messages `{"user_id", "text", <time>}`, the text left out when empty. An action is a second
message `{"user_id", "actions", <time>, "text"}` after the one that it acts on. A form says what stands around the
array and how the time of a message is written. `serialise` puts lines together from it, and `line_schema` describes
them.
"""

from collections.abc import Mapping
from typing import NamedTuple

from persona_assets.common.columns import ColumnDescription


class LineFormat(NamedTuple):
    """What stands around the messages of a line, and how their time is written."""

    opens: tuple[str, ...]  # before the first message; the cluster's number stands between two pieces
    closes: tuple[str, ...]  # after the last value of the last message, in the same way, with the line end
    time: ColumnDescription  # key, type and meaning of a message's time
    is_time_relative: bool  # the place of its instant among those of all lines; False: microseconds since 1970 (UTC)
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
    # BluePrint's published data set. There `relative_integer_time` is the number of a row, which a message has anew in
    # each line that shows it.
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
