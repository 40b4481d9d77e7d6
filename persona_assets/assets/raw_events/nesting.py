"""Find lines of JSON that are nested too deeply to be decoded reliably.

msgspec counts levels against Python's recursion limit of 1,000. Without a limit of our own, the same line could be
decoded in a worker process and fail where the call stack is deeper.
"""

from itertools import pairwise

import numpy as np

# Events have about ten levels.
MAX_LEVELS = 200
_QUOTE, _LINE_END = b'"\n'
# Brackets and braces differ in this bit only.
_BRACKET_TO_BRACE = 0x20
_OPENING, _CLOSING = b"{}"


def find_too_deep_lines(body: bytes) -> list[int]:
    """Return the indices of lines whose JSON is nested more than `MAX_LEVELS` levels deep."""
    content = np.frombuffer(body, np.uint8)
    openings = np.flatnonzero((content | _BRACKET_TO_BRACE) == _OPENING)
    # Quick test that nearly every block passes: a line with more than `MAX_LEVELS` openings contains two neighbours of
    # this sample.
    sampled = openings[:: MAX_LEVELS // 2].tolist()
    if all(body.find(b"\n", one, other) >= 0 for one, other in pairwise(sampled)):
        return []
    bounds = [-1, *np.flatnonzero(content == _LINE_END).tolist(), len(body)]
    counts = np.diff(np.searchsorted(openings, bounds))
    return [
        at for at in np.flatnonzero(counts > MAX_LEVELS).tolist() if is_too_deep(body[bounds[at] + 1 : bounds[at + 1]])
    ]


def is_too_deep(line: bytes) -> bool:
    """Return whether a line has more than `MAX_LEVELS` nested arrays and objects; brackets in strings do not count."""
    if line.count(b"{") + line.count(b"[") <= MAX_LEVELS:
        return False
    content = np.frombuffer(line.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    is_inside = np.cumsum(content == _QUOTE, dtype=np.uint8) & 1  # 256 is even
    braces = (content | _BRACKET_TO_BRACE)[is_inside == 0]
    braces = braces[(braces == _OPENING) | (braces == _CLOSING)]
    steps = np.where(braces == _OPENING, np.int8(1), np.int8(-1))
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0)) > MAX_LEVELS
