"""Describe why a line is not an event, in fixed texts: msgspec's own messages may quote the line."""

import re
from collections.abc import Callable

_CONFLICT = (b"<<<<<<<", b"=======", b">>>>>>>", b"|||||||")
# Brackets and commas on a line of their own, as in a JSON array that spans several lines.
_BRACKETS = re.compile(rb"[\[\],\s]{1,8}")
# An escape \\uD8xx without a following \\uDCxx, or a \\uDCxx without a preceding \\uD8xx. An escaped backslash before
# the u makes it no escape. Possessive, as backtracking would take 30 bytes of memory for each pair of backslashes.
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*+(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F])"
)

# The forms of msgspec's messages: the problem, and the path of the field. Only parts that match these are shown.
_VALIDATION_MESSAGE = re.compile(r"(.*?)(?: - at `\$\.?([\w.$\[\]]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_WRONG_TYPE = re.compile(r"Expected `[a-z| ]+`, got `[a-z]+`")

ARRAY_OF_OTHER_VALUES = "a JSON array of something else"
ARRAY_BRACKET = "a JSON array's bracket"
SEVERAL_VALUES = "more than one value on the line"


class NotAnEventError(Exception):
    """A line is no event: it is not JSON, or JSON of another form. `reason` is a fixed text and quotes no line."""

    def __init__(self, reason: str) -> None:
        """Store the reason."""
        super().__init__(reason)
        self.reason = reason


def describe_invalid_field(message: str, *, below: str = "") -> str:
    """Return which field is invalid and why, from msgspec's error message, without the values that it quotes.

    Args:
        message: Text of a `msgspec.ValidationError`.
        below: Path of the object that was decoded, such as `commit.record`.
    """
    what, at = _VALIDATION_MESSAGE.fullmatch(message).groups()  # pyright: ignore[reportOptionalMemberAccess] - fits anything
    where = ".".join(part for part in (below, re.sub(r"\[.*?\]", "[]", at or "")) if part)
    if missing := _MISSING.fullmatch(what):
        return f"no {where}.{missing[1]}" if where else f"no {missing[1]}"
    if where.endswith("$type"):
        return "a record of another type than its collection"
    return f"{where or 'not an event'}: {_describe_problem(what)}"


def _describe_problem(what: str) -> str:
    if _WRONG_TYPE.fullmatch(what):
        return what.replace("`", "")
    if what.startswith("Invalid"):
        return "unknown value"
    if "of length <=" in what:
        return "too long"
    return "empty" if "of length >= 1" in what else "out of range"


def describe_invalid_json(line: bytes, message: str) -> str:
    """Return why a line is not one valid JSON value, from the line and msgspec's error message.

    Args:
        line: The line, without its line end.
        message: Text of the `msgspec.DecodeError`.
    """
    line = line.strip()
    signs: dict[str, Callable[[], object]] = {  # in order: the first that applies is the reason
        "empty line": lambda: not line,
        "git conflict marker": lambda: line.startswith(_CONFLICT),
        "NUL bytes": lambda: b"\0" in line,
        "lone surrogate": lambda: _LONE_SURROGATE.search(line),
        ARRAY_BRACKET: lambda: has_only_brackets(line),
        SEVERAL_VALUES: lambda: "trailing characters" in message,
        "truncated JSON": lambda: "truncated" in message,
    }
    return next((reason for reason, is_there in signs.items() if is_there()), "not JSON")


def has_only_brackets(line: bytes) -> bool:
    """Return whether a line consists of up to eight square brackets, commas and spaces, and not of spaces alone."""
    return bool(_BRACKETS.fullmatch(line)) and not line.isspace()
