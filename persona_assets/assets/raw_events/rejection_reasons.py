"""Say why a line is no event, in few words of our own: msgspec's messages may quote the line."""

import re
from collections.abc import Callable

_CONFLICT = (b"<<<<<<<", b"=======", b">>>>>>>", b"|||||||")
# A JSON array that is written over several lines has them on lines of their own.
_BRACKETS = re.compile(rb"[\[\],\s]{1,8}")
# A \\uD8xx that no \\uDCxx follows, or the other way round; an escaped backslash before the u makes it none.
# Possessive: to be able to go back, it would take 30 bytes for each pair of backslashes.
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*+(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F])"
)

# msgspec's messages: what is wrong, and where. Only what these let through is said of a line.
_MISFIT = re.compile(r"(.*?)(?: - at `\$\.?([\w.$\[\]]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_WRONG_TYPE = re.compile(r"Expected `[a-z| ]+`, got `[a-z]+`")

ARRAY_OF_SOMETHING_ELSE = "a JSON array of something else"
BRACKET = "a JSON array's bracket"
SEVERAL_VALUES = "more than one value on the line"


class RefusedLineError(Exception):
    """A line is no event; `reason` is one of few, and quotes nothing of the line."""

    def __init__(self, reason: str) -> None:
        """Note why."""
        super().__init__(reason)
        self.reason = reason


def name_misfit(message: str, *, below: str = "") -> str:
    """Say which field is wrong and how, from msgspec's message, without the value that it may quote."""
    what, at = _MISFIT.fullmatch(message).groups()  # pyright: ignore[reportOptionalMemberAccess] - fits anything
    where = ".".join(part for part in (below, re.sub(r"\[.*?\]", "[]", at or "")) if part)
    if missing := _MISSING.fullmatch(what):
        return f"no {where}.{missing[1]}" if where else f"no {missing[1]}"
    if where.endswith("$type"):
        return "a record of another type than its collection"
    return f"{where or 'not an event'}: {_name_problem(what)}"


def _name_problem(what: str) -> str:
    if _WRONG_TYPE.fullmatch(what):
        return what.replace("`", "")
    if what.startswith("Invalid"):
        return "unknown value"
    if "of length <=" in what:
        return "too long"
    return "empty" if "of length >= 1" in what else "out of range"


def name_damage(line: bytes, message: str) -> str:
    """Say what is wrong with a line that is not JSON."""
    line = line.strip()
    signs: dict[str, Callable[[], object]] = {  # each is looked for if those before it are not there
        "empty line": lambda: not line,
        "git conflict marker": lambda: line.startswith(_CONFLICT),
        "NUL bytes": lambda: b"\0" in line,
        "lone surrogate": lambda: _LONE_SURROGATE.search(line),
        BRACKET: lambda: is_bracket(line),
        SEVERAL_VALUES: lambda: "trailing characters" in message,
        "truncated JSON": lambda: "truncated" in message,
    }
    return next((reason for reason, is_there in signs.items() if is_there()), "not JSON")


def is_bracket(line: bytes) -> bool:
    """Tell whether a line holds nothing but the brackets of an array and commas."""
    return bool(_BRACKETS.fullmatch(line)) and not line.isspace()
