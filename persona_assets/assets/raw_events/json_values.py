"""Split a line or an object into its JSON values without decoding them, so that memory stays small."""

import re
from array import array
from collections.abc import Iterator

import msgspec

# Minimum size of an event: a line with more objects than events would fit holds something else.
_MIN_EVENT_BYTES = 32
# Maximum number of fields of an object that is searched for an event.
_MAX_FIELDS = 32

_RAW = msgspec.json.Decoder(msgspec.Raw)
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
# JSON text sequences (RFC 7464) have a record separator, 0x1e, before each value.
_BEFORE = re.compile(rb"[\s\x1e]*(?:\[[\s\x1e]*)?")
_BETWEEN = re.compile(rb"[\s\x1e]*(?:,[\s\x1e]*)?")
_AFTER = re.compile(rb"\]?[\s\x1e]*,?[\s\x1e]*")
_SPACE = re.compile(rb"\s*")
_COLON = re.compile(rb"\s*:\s*")
_OPENING = ord("{")


def split_objects(line: bytes) -> Iterator[bytes] | None:
    """Return the JSON objects of a line that has several in a row; None if it has one, or anything else.

    The objects may stand side by side, have commas between them, or be items of an array, which may start or end on
    another line. The last object may be incomplete. A line with anything else beside objects is not split: it may be
    the rest of a line that lost its beginning, and its first object may be a part of a record.

    Args:
        line: UTF-8.

    Returns:
        The JSON text of each object, or None if the line is a single object or holds anything else.
    """
    bounds = array("q")
    is_one = _skip(_SPACE, line, 0), len(line)
    at = _skip(_BEFORE, line, 0)
    while at < len(line) and line[at] == _OPENING:
        end = _find_value_end(line, at)
        bounds.extend((at, end or len(line)))
        if len(bounds) // 2 * _MIN_EVENT_BYTES > len(line):
            return None
        at = _skip(_BETWEEN, line, end or len(line))
    if tuple(bounds[:2]) in {(), is_one} or _skip(_AFTER, line, at) < len(line):
        return None
    return (line[start:end].strip() for start, end in zip(bounds[::2], bounds[1::2], strict=True))


def iterate_nested_objects(raw: bytes) -> Iterator[bytes]:
    """Yield the values of the fields of a JSON object that are objects themselves, undecoded.

    An object of more than 32 fields and one that is not valid JSON yield nothing.
    """
    at, values = _skip(_SPACE, raw, 0) + 1, list[bytes]()
    for _ in range(_MAX_FIELDS):
        at = _skip(_BETWEEN, raw, at)
        name_end = _find_value_end(raw, at) if raw[at : at + 1] == b'"' else None
        if name_end is None:
            yield from values
            return
        at = _skip(_COLON, raw, name_end)
        end = _find_value_end(raw, at)
        if end is None:
            return
        if raw[at] == _OPENING:
            values.append(raw[at:end])
        at = end


def _skip(what: re.Pattern[bytes], line: bytes, start: int) -> int:
    found = what.match(line, start)
    return found.end() if found else start


def _find_value_end(line: bytes, start: int) -> int | None:
    """Return the end of the JSON value that starts at `start`, trailing spaces included; None if it is invalid."""
    try:
        _RAW.decode(memoryview(line)[start:])
    except msgspec.DecodeError as error:
        goes_on = _TRAILING.search(str(error))
        return start + int(goes_on[1]) - 1 if goes_on else None
    except RecursionError:
        return None
    return len(line)
