"""Write what a user did as the content of an assistant's message: JSON or plain text."""

from __future__ import annotations

import json
from collections.abc import Iterable

# json.dumps makes an encoder at each call that keeps letters beyond ASCII; a dictionary takes longer than its strings.
_encode = json.JSONEncoder(ensure_ascii=False).encode


def render_message(text: str, *, acts: str) -> str:
    """Format a post or reply of the user as the content of a chat message: plain text or JSON, as `acts` says."""
    return f'{{"text": {_encode(text)}}}' if acts == "json" else text


def render_act(action: str, text: str | None, *, acts: str) -> str:
    """Format an action such as a like, with its own text if any, as the content of a chat message."""
    if acts == "json":
        written = {} if text is None else {"text": text}
        return _encode({**written, "actions": {action: True}})
    return f"[{action}]" if text is None else f"[{action}] {text}"


def render_messages(texts: Iterable[str], *, acts: str) -> list[str]:
    """Format each text as `render_message` does."""
    return [render_message(text, acts=acts) for text in texts]


def render_acts(actions: Iterable[str], texts: Iterable[str | None], *, acts: str) -> list[str]:
    """Format each action, with its text or None, as `render_act` does."""
    without_text: dict[str, str] = {}
    contents: list[str] = []
    for action, text in zip(actions, texts, strict=True):
        if text is not None:
            contents.append(render_act(action, text, acts=acts))
            continue
        if action not in without_text:
            without_text[action] = render_act(action, None, acts=acts)
        contents.append(without_text[action])
    return contents
