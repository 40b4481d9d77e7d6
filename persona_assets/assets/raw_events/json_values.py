"""Find the JSON values that share a line or an object, without making anything of them: memory stays small."""

import re
from array import array
from collections.abc import Iterator

import msgspec

# Of an event with nothing in it: a line that holds more objects than it has room for events holds something else.
_LEAST_OBJECT_BYTES = 32
# A wrapper has few fields.
_MOST_FIELDS = 32

_RAW = msgspec.json.Decoder(msgspec.Raw)
_GOES_ON = re.compile(r"trailing characters \(byte (\d+)\)")
# JSON text sequences (RFC 7464) have a record separator, 0x1e, before each value.
_BEFORE = re.compile(rb"[\s\x1e]*(?:\[[\s\x1e]*)?")
_BETWEEN = re.compile(rb"[\s\x1e]*(?:,[\s\x1e]*)?")
_AFTER = re.compile(rb"\]?[\s\x1e]*,?[\s\x1e]*")
_SPACE = re.compile(rb"\s*")
_COLON = re.compile(rb"\s*:\s*")
_OPENING = ord("{")


def split_objects(line: bytes) -> Iterator[bytes] | None:
    """Return the objects that share a line, or None if nothing is to be split or there is anything else beside them.

    They may stand side by side, have commas between them, or be items of an array, which may begin or end on
    another line. The last may break off. All else makes the line suspect: what is left of a line that was cut off at
    the front looks like an object that a record holds, and what follows it.

    Args:
        line: UTF-8.
    """
    bounds = array("q")
    is_one = _skip(_SPACE, line, 0), len(line)
    at = _skip(_BEFORE, line, 0)
    while at < len(line) and line[at] == _OPENING:
        end = _find_end(line, at)
        bounds.extend((at, end or len(line)))
        if len(bounds) // 2 * _LEAST_OBJECT_BYTES > len(line):
            return None
        at = _skip(_BETWEEN, line, end or len(line))
    if tuple(bounds[:2]) in {(), is_one} or _skip(_AFTER, line, at) < len(line):
        return None
    return (line[start:end].strip() for start, end in zip(bounds[::2], bounds[1::2], strict=True))


def iterate_object_fields(raw: bytes) -> Iterator[bytes]:
    """Yield the values of an object's fields that are objects themselves; an object of many fields yields none."""
    at, values = _skip(_SPACE, raw, 0) + 1, list[bytes]()
    for _ in range(_MOST_FIELDS):
        at = _skip(_BETWEEN, raw, at)
        name_end = _find_end(raw, at) if raw[at : at + 1] == b'"' else None
        if name_end is None:
            yield from values
            return
        at = _skip(_COLON, raw, name_end)
        end = _find_end(raw, at)
        if end is None:
            return
        if raw[at] == _OPENING:
            values.append(raw[at:end])
        at = end


def _skip(what: re.Pattern[bytes], line: bytes, start: int) -> int:
    found = what.match(line, start)
    return found.end() if found else start


def _find_end(line: bytes, start: int) -> int | None:
    """Return where the value ends that begins at `start`, spaces after it included, or None if it does not."""
    try:
        _RAW.decode(memoryview(line)[start:])
    except msgspec.DecodeError as error:
        goes_on = _GOES_ON.search(str(error))
        return start + int(goes_on[1]) - 1 if goes_on else None
    except RecursionError:
        return None
    return len(line)
