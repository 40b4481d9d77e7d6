"""A stream of bytes that can be looked ahead into, with gaps where it could not be read."""

import re
from collections.abc import Iterator
from typing import NamedTuple

# Small enough for the processor's cache, and for memory that is used again without asking the system for it.
BLOCK_BYTES = 1 << 17
DAMAGED = "the compressed data is damaged"
WRONG_CHECKSUM = "the compressed data does not match its checksum"


class Gap(NamedTuple):
    """A place in a stream where bytes could not be read."""

    reason: str
    skipped: int  # bytes of the file (of the compressed data, where it is compressed twice) that were not read


class DamageError(Exception):
    """A member can't be read any further."""

    def __init__(self, reason: str, *, unread: int = 0, is_end: bool = False) -> None:
        """Note why.

        Args:
            reason: One of few, in words.
            unread: Bytes of the member, when it was passed by whole; the source stands behind it.
            is_end: Whether all that is wrong is that no more bytes are there.
        """
        super().__init__(reason)
        self.reason, self.unread, self.is_end = reason, unread, is_end


def gather(pieces: Iterator[bytes | Gap]) -> Iterator[bytes | Gap]:
    """Put small pieces together, as those of frames that hold a line each."""
    held, size = list[bytes](), 0
    for piece in pieces:
        if isinstance(piece, bytes):
            held.append(piece)
            size += len(piece)
        if held and (size >= BLOCK_BYTES or isinstance(piece, Gap)):
            yield b"".join(held)
            held, size = [], 0
        if isinstance(piece, Gap):
            yield piece
    if held:
        yield b"".join(held)


class Source:
    """Bytes ahead of a place in a stream. Memory: what was looked at and not yet taken, and one block.

    Nothing that looks ahead sees past a gap: to a decompressor the stream ends there. What was looked at is copied with
    each block that comes, so that small ones are better gathered before.
    """

    def __init__(self, blocks: Iterator[bytes | Gap]) -> None:
        """Stand at the start of `blocks`."""
        self._blocks = blocks
        self._held = b""
        self._at = 0  # in `_held`
        self._base = 0  # place of the first byte of `_held`
        self._gap: Gap | None = None

    @property
    def place(self) -> int:
        """Number of bytes before this place, gaps left out."""
        return self._base + self._at

    def peek(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer before a gap or the end."""
        end = self._at + count
        while len(self._held) < end and self._fill():
            end = self._at + count
        return self._held[self._at : end]

    def take(self, count: int) -> None:
        """Pass by `count` bytes, all of which were seen by `peek`."""
        self._at += count

    def drop(self, count: int | None = None) -> bool:
        """Pass by `count` bytes or all before a gap or the end, in bounded memory; tell whether there were so many."""
        while count is None or count:
            ahead = len(self._held) - self._at
            if not ahead and not self._fill():
                return False
            step = ahead if count is None else min(count, ahead)
            self._at += step
            count = None if count is None else count - step
        return True

    def skip_zeros(self) -> None:
        """Pass by zero bytes."""
        while self.peek(1) == b"\0":
            ahead = self._held[self._at :]
            self._at += len(ahead) - len(ahead.lstrip(b"\0"))

    def skip_to(self, magic: re.Pattern[bytes], longest: int) -> bool:
        """Pass by all that comes before the first `magic`, which takes `longest` bytes at most.

        Without any, all before a gap or the end is passed by. One search for all kinds of magic numbers: to look for
        each of several would be to look through all of the held bytes again at each place where one is met.
        """
        while True:
            if found := magic.search(self._held, self._at):
                self._at = found.start()
                return True
            self._at = max(self._at, len(self._held) - longest + 1)
            if not self._fill():
                self._at = len(self._held)
                return False

    def next_gap(self) -> Gap | None:
        """Return the gap that the stream stands at and pass it by, or None at the end."""
        gap, self._gap = self._gap, None
        return gap

    def rest(self) -> Iterator[bytes | Gap]:
        """Yield all from here on, gaps too, as it comes."""
        ahead, self._held = self._held[self._at :], b""
        if ahead:
            yield ahead
        if (gap := self.next_gap()) is not None:
            yield gap
        yield from self._blocks

    def _fill(self) -> bool:
        if self._gap is not None:
            return False
        block = next(self._blocks, None)
        if block is None:
            return False
        if isinstance(block, Gap):
            self._gap = block
            return False
        self._held, self._base, self._at = self._held[self._at :] + block, self._base + self._at, 0
        return True
