"""Parse lines of `cluster_<N>.jsonl` as their users would, and count those that are wrong."""

from collections.abc import Container, Iterable
from typing import Any, NamedTuple

import msgspec


class LineInspection(NamedTuple):
    """Result of `inspect_lines`: the number of lines, of unreadable lines, and of lines without a cluster member."""

    lines: int
    unreadable: int  # not JSON, or JSON without messages
    of_no_member: int  # without a message or action by a user of the cluster


def inspect_lines(lines: Iterable[bytes], members: Container[str]) -> LineInspection:
    """Count the lines of one cluster file, those that are not valid, and those without a user of the cluster.

    Args:
        lines: Lines of one cluster's file, in any of the line formats.
        members: The users of the cluster.
    """
    read = unreadable = of_no_member = 0
    for line in lines:
        read += 1
        try:
            decoded: Any = msgspec.json.decode(line)
            users = [message["user_id"] for message in _find_messages(decoded)]
        except (msgspec.DecodeError, KeyError, TypeError):
            unreadable += 1
        else:
            of_no_member += not any(user in members for user in users)
    return LineInspection(read, unreadable, of_no_member)


def _find_messages(decoded: Any) -> Any:
    """Return the messages of a line: the line itself if it is an array, else the first array in its object, or None."""
    if not isinstance(decoded, dict):
        return decoded
    return next((value for value in decoded.values() if isinstance(value, list)), None)
