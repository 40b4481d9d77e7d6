"""A byte stream with look-ahead, which marks the places where bytes could not be read."""

import re
from collections.abc import Iterator
from typing import NamedTuple

# Small enough for the processor's cache, and for the allocator to reuse the memory without a system call.
BLOCK_BYTES = 1 << 17
DAMAGED = "the compressed data is damaged"
WRONG_CHECKSUM = "the compressed data does not match its checksum"


class ReadGap(NamedTuple):
    """A place in a byte stream where bytes could not be read, with the reason and the number of bytes."""

    reason: str
    skipped: int  # unread bytes of the file; in a file that is compressed twice, of the inner compressed data


class DamageError(Exception):
    """A compressed member (gzip, xz, bzip2) or zstd frame is damaged, so that its rest cannot be decompressed."""

    def __init__(self, reason: str, *, unread: int = 0, is_end: bool = False) -> None:
        """Store the reason, the number of bytes left unread, and whether the input ended.

        Args:
            reason: One of a few fixed texts.
            unread: Size of the member in bytes, if all of it was skipped; the source is then behind the member.
            is_end: Whether the only fault is that the data ends too early.
        """
        super().__init__(reason)
        self.reason, self.unread, self.is_end = reason, unread, is_end


def merge_small_pieces(pieces: Iterator[bytes | ReadGap]) -> Iterator[bytes | ReadGap]:
    """Join consecutive pieces of bytes to blocks of at least `BLOCK_BYTES`; gaps and the end also end a block.

    A recorder may write one compressed frame per line, which decompresses to very small pieces.
    """
    joined, size = list[bytes](), 0
    for piece in pieces:
        if isinstance(piece, bytes):
            joined.append(piece)
            size += len(piece)
        if joined and (size >= BLOCK_BYTES or isinstance(piece, ReadGap)):
            yield b"".join(joined)
            joined, size = [], 0
        if isinstance(piece, ReadGap):
            yield piece
    if joined:
        yield b"".join(joined)


class ByteSource:
    """A reader of a stream of blocks with look-ahead: `peek` returns the next bytes, `consume` and `skip` pass them.

    Looking ahead stops at a gap, so that a decompressor sees the end of its data there. Memory: the bytes that were
    peeked at but not consumed, and one block. The buffer is copied whenever a block is added: join small blocks first
    with `merge_small_pieces`.
    """

    def __init__(self, blocks: Iterator[bytes | ReadGap]) -> None:
        """Start at the first byte of `blocks`."""
        self._blocks = blocks
        self._buffer = b""
        self._offset = 0  # of the current position in `_buffer`
        self._buffer_start = 0  # position of the first byte of `_buffer` in the stream
        self._gap: ReadGap | None = None

    @property
    def position(self) -> int:
        """Number of bytes passed so far; the missing bytes of gaps are not counted."""
        return self._buffer_start + self._offset

    def peek(self, count: int) -> bytes:
        """Return the next `count` bytes without consuming them; fewer if a gap or the end comes first."""
        end = self._offset + count
        while len(self._buffer) < end and self._read_block():
            end = self._offset + count
        return self._buffer[self._offset : end]

    def consume(self, count: int) -> None:
        """Move past `count` bytes that `peek` has returned."""
        self._offset += count

    def skip(self, count: int | None = None) -> bool:
        """Move past the next `count` bytes in bounded memory, and return whether there were that many.

        Without `count`, move to the next gap or the end, and return False.
        """
        while count is None or count:
            unread = len(self._buffer) - self._offset
            if not unread and not self._read_block():
                return False
            step = unread if count is None else min(count, unread)
            self._offset += step
            count = None if count is None else count - step
        return True

    def skip_zeros(self) -> None:
        """Move past all zero bytes that follow."""
        while self.peek(1) == b"\0":
            unread = self._buffer[self._offset :]
            self._offset += len(unread) - len(unread.lstrip(b"\0"))

    def skip_to_match_before_gap(self, pattern: re.Pattern[bytes], max_match_bytes: int) -> bool:
        """Move to the next match of `pattern`; return False if a gap or the end comes first.

        Without a match, move to the gap or the end. The pattern covers all magic numbers at once: searching for each of
        them in turn would scan the whole buffer again at every match.

        Args:
            pattern: What to search for.
            max_match_bytes: Maximum length of a match in bytes.
        """
        while True:
            if found := pattern.search(self._buffer, self._offset):
                self._offset = found.start()
                return True
            self._offset = max(self._offset, len(self._buffer) - max_match_bytes + 1)
            if not self._read_block():
                self._offset = len(self._buffer)
                return False

    def pop_gap(self) -> ReadGap | None:
        """Return the gap at the current position and move past it; None if there is none, as at the end."""
        gap, self._gap = self._gap, None
        return gap

    def iterate_rest(self) -> Iterator[bytes | ReadGap]:
        """Yield all remaining bytes and gaps, in blocks of the sizes in which the source was given them."""
        unread, self._buffer = self._buffer[self._offset :], b""
        if unread:
            yield unread
        if (gap := self.pop_gap()) is not None:
            yield gap
        yield from self._blocks

    def _read_block(self) -> bool:
        """Append the next block to the buffer; return False before a gap and at the end."""
        if self._gap is not None:
            return False
        block = next(self._blocks, None)
        if block is None:
            return False
        if isinstance(block, ReadGap):
            self._gap = block
            return False
        self._buffer, self._buffer_start, self._offset = (
            self._buffer[self._offset :] + block,
            self._buffer_start + self._offset,
            0,
        )
        return True
