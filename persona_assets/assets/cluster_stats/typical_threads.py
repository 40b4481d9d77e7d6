"""Choose a typical thread of a cluster: a short conversation that has many of the cluster's words."""

from collections.abc import Container, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

# Maximum numbers of lines of a cluster's file that are read, of their bytes together, and of the messages shown.
MAX_LINES, MAX_BYTES, MAX_MESSAGES = 300, 4 << 20, 5
# Longer texts of messages are cut.
MAX_MESSAGE_CHARACTERS = 280
MIN_SPEAKERS = 2


class Message(NamedTuple):
    """A message of a shown thread: anonymous speaker, whether a member of the cluster wrote it, and text."""

    speaker: str  # A, B, ... in order of appearance
    is_member: bool  # whether the speaker is a user of the cluster
    text: str


def choose_typical_thread(
    lines: Iterable[bytes], members: Container[str], words: Sequence[str], *, left_out: Container[str] = ()
) -> list[Message]:
    """Return the conversation line that has most of the cluster's `words`, as messages; two speakers at least.

    Of lines with as many words the one with more messages is chosen, then the first one.

    Args:
        lines: Lines of one cluster's file, in any of the line formats. At most `MAX_LINES` and `MAX_BYTES` are read.
        members: The users of the cluster.
        words: The words and phrases that set the cluster apart.
        left_out: Users whose lines are not chosen, who may have refused since the file was made.

    Returns:
        At most `MAX_MESSAGES`; empty if no line is such a conversation.
    """
    best: tuple[int, int] = (-1, 0)
    chosen: list[Message] = []
    left = MAX_BYTES
    for number, line in enumerate(lines):
        left -= len(line)
        if number >= MAX_LINES or left < 0:
            break
        messages = _read_messages(line, members, left_out)
        if len({message.speaker for message in messages}) < MIN_SPEAKERS or not any(one.is_member for one in messages):
            continue
        text = " ".join(message.text for message in messages).lower()
        score = (sum(word in text for word in words), len(messages))
        if score > best:
            best, chosen = score, messages
    return chosen


def _read_messages(line: bytes, members: Container[str], left_out: Container[str]) -> list[Message]:
    """Return the first messages with a text, without actions; empty if the line does not parse or one is left out."""
    try:
        decoded: Any = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return []
    if isinstance(decoded, dict):
        decoded = next((value for value in decoded.values() if isinstance(value, list)), [])
    speakers: dict[str, str] = {}
    messages: list[Message] = []
    for message in decoded if isinstance(decoded, list) else []:
        is_text = isinstance(message, dict) and "actions" not in message and message.get("text")
        if not is_text or not isinstance(message.get("user_id"), str) or not isinstance(message["text"], str):
            continue
        if message["user_id"] in left_out:
            return []
        speaker = speakers.setdefault(message["user_id"], chr(ord("A") + len(speakers)))
        messages.append(Message(speaker, message["user_id"] in members, _shorten(message["text"])))
        if len(messages) == MAX_MESSAGES:
            break
    return messages


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else f"{text[:MAX_MESSAGE_CHARACTERS].rstrip()}…"
