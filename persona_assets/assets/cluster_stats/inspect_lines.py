"""Read lines of personas' files back, as those who train on them would."""

from collections.abc import Container, Iterable
from typing import Any, NamedTuple

import msgspec


class Inspected(NamedTuple):
    """Lines of one file."""

    lines: int
    unreadable: int  # no JSON, or not of messages
    strangers: int  # without a message or action of a user of the cluster


def inspect_lines(lines: Iterable[bytes], members: Container[str]) -> Inspected:
    """Count the lines that cannot be read, and those in which no user of the cluster has a part.

    Args:
        lines: Of a cluster's file, in any of the line formats.
        members: The users of the cluster.
    """
    read = unreadable = strangers = 0
    for line in lines:
        read += 1
        try:
            decoded: Any = msgspec.json.decode(line)
            users = [message["user_id"] for message in _find_messages(decoded)]
        except (msgspec.DecodeError, KeyError, TypeError):
            unreadable += 1
        else:
            strangers += not any(user in members for user in users)
    return Inspected(read, unreadable, strangers)


def _find_messages(decoded: Any) -> Any:
    """Return the messages of a line: the line itself, or the first array of its object, whatever its key is."""
    if not isinstance(decoded, dict):
        return decoded
    return next((value for value in decoded.values() if isinstance(value, list)), None)
