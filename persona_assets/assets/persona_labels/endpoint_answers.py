"""Read what an endpoint answered: a name and a description, or the reason why it gave none."""

import json
import re
import unicodedata
from typing import Any, Literal, NamedTuple

NAME_LENGTH = 80
DESCRIPTION_LENGTH = 300

# Why a cluster has no name from the endpoint.
BadAnswer = Literal["bad_answer", "refused"]

# Of Unicode: control, format (bidirectional marks, zero width), surrogates, private use, line and paragraph separators.
_REFUSED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Links, handles and DIDs. A domain is recognised by common endings, so that "Node.js" remains a name.
_ADDRESS = re.compile(
    r"://|\bwww\.|@\w|\bdid:[a-z]+:|\b[\w-]+\.(?:com|org|net|social|app|dev|io|co|me|xyz|tv|info|gov|edu|uk|de|fr|jp)\b",
    re.IGNORECASE,
)
# Characters of HTML and Markdown: names are shown in both.
_MARKUP = set("<>[]|`\\")


class EndpointName(NamedTuple):
    """The name and description that a language model gave to a cluster."""

    name: str  # 1 to NAME_LENGTH characters
    description: str  # up to DESCRIPTION_LENGTH characters


def parse_completion(body: bytes) -> EndpointName | BadAnswer:
    """Parse the body of a `chat/completions` response: return the name in it, or why it has no valid one."""
    completion = _parse(body)
    try:
        choice: dict[str, Any] = completion["choices"][0]
        message: dict[str, Any] = choice["message"]
        if message.get("refusal") or choice.get("finish_reason") == "content_filter":
            return "refused"
        content = message["content"]
    except (KeyError, IndexError, TypeError, AttributeError):
        return "bad_answer"
    return (parse_name(content) if isinstance(content, str) else None) or "bad_answer"


def parse_name(text: str | bytes) -> EndpointName | None:
    """Parse a JSON object with exactly `name` and `description`; return None if it is not valid.

    A name is one line of 1 to 80 characters, a description one of at most 300. Neither holds control characters,
    markup, a link, a handle or a DID. Space around them is removed.
    """
    answer = _parse(text)
    if not isinstance(answer, dict) or set(answer) != {"name", "description"}:
        return None
    if not all(isinstance(value, str) for value in answer.values()):
        return None
    found = EndpointName(answer["name"].strip(), answer["description"].strip())
    is_short = 1 <= len(found.name) <= NAME_LENGTH and len(found.description) <= DESCRIPTION_LENGTH
    return found if is_short and all(map(_is_plain, found)) else None


def _parse(text: str | bytes) -> Any:
    """Return the value of a JSON text; None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # of text that is not UTF-8 or not JSON; of brackets in brackets
        return None


def _is_plain(text: str) -> bool:
    return (
        not _ADDRESS.search(text)
        and _MARKUP.isdisjoint(text)
        and all(unicodedata.category(character) not in _REFUSED_CATEGORIES for character in text)
    )
