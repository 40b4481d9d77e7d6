"""Tell which lines are nested so deeply that whether msgspec can decode them depends on its caller's stack.

It shares Python's limit of 1000 calls: the same line would be an event in a worker and none deeper down.
"""

from itertools import pairwise

import numpy as np

# Events are nested some ten deep.
MOST_LEVELS = 200
_QUOTE, _LINE_END = b'"\n'
# Brackets differ from braces in this bit only.
_BRACKET_TO_BRACE = 0x20
_OPENING, _CLOSING = b"{}"


def find_deep_lines(body: bytes) -> list[int]:
    """Return the numbers, from 0, of the lines that are nested too deeply."""
    content = np.frombuffer(body, np.uint8)
    openings = np.flatnonzero((content | _BRACKET_TO_BRACE) == _OPENING)
    # Of more than that many on a line, two of these are neighbours there: in nearly no block are any.
    some = openings[:: MOST_LEVELS // 2].tolist()
    if all(body.find(b"\n", one, other) >= 0 for one, other in pairwise(some)):
        return []
    bounds = [-1, *np.flatnonzero(content == _LINE_END).tolist(), len(body)]
    counts = np.diff(np.searchsorted(openings, bounds))
    return [
        at for at in np.flatnonzero(counts > MOST_LEVELS).tolist() if is_deep(body[bounds[at] + 1 : bounds[at + 1]])
    ]


def is_deep(line: bytes) -> bool:
    """Tell whether a line is nested too deeply, brackets in strings not being counted."""
    if line.count(b"{") + line.count(b"[") <= MOST_LEVELS:
        return False
    content = np.frombuffer(line.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    is_inside = np.cumsum(content == _QUOTE, dtype=np.uint8) & 1  # 256 is even
    braces = (content | _BRACKET_TO_BRACE)[is_inside == 0]
    braces = braces[(braces == _OPENING) | (braces == _CLOSING)]
    steps = np.where(braces == _OPENING, np.int8(1), np.int8(-1))
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0)) > MOST_LEVELS
