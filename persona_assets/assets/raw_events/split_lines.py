"""Decompress a file and split it into lines, in bounded memory."""

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, NamedTuple

from persona_assets.assets.raw_events.byte_source import BLOCK_BYTES, ReadGap, merge_small_pieces
from persona_assets.assets.raw_events.decompress import decompress
from persona_assets.tables import RAW_LIMIT_BYTES

# A record is at most 1 MiB of CBOR, which is about 6 MiB of JSON if every character is escaped.
LINE_LIMIT_BYTES = 1 << 24


class LineBlock(NamedTuple):
    """A block of complete, consecutive lines."""

    body: bytes  # with "\n" between them and none at the end


class OverlongLine(NamedTuple):
    """A line longer than `LINE_LIMIT_BYTES`: its first 64 KiB and its length in bytes."""

    head: bytes
    length: int


class ReadFailure(NamedTuple):
    """A place where bytes of a file could not be read, with the reason and the start of the cut-off line.

    `head` is that beginning, at most 64 KiB of it, and `length` its length in bytes.
    """

    reason: str
    head: bytes
    length: int
    skipped: int = 0  # unread bytes of the file


def read_lines(
    open_file: Callable[[], BinaryIO], *, file_bytes: int = 0, dictionaries: Mapping[int, bytes] | None = None
) -> Iterator[LineBlock | OverlongLine | ReadFailure]:
    """Decompress a file and yield its lines in order, in blocks of about 128 KiB.

    The first bytes show how the file is compressed, and whether it is UTF-16. It may consist of several members or
    frames. Behind damage, reading continues with the next member or frame. Memory: about 16 MiB for an overlong line,
    and the zstd window that the data use, which may be up to 2 GiB.

    Args:
        open_file: Opens the file for reading bytes. An OSError that it raises becomes `ReadFailure`, except errors of
            the network.
        file_bytes: Size of the file in bytes: the unread bytes if it cannot be opened, and their maximum in any case.
        dictionaries: zstd dictionaries, by dictionary id.

    Yields:
        Blocks of lines, overlong lines, and the places that cannot be read, with the reason.

    Raises:
        ConnectionError, TimeoutError: The file is in remote storage, and the network failed.
    """
    line = _PartialLine()
    for piece in merge_small_pieces(
        decompress(_read_blocks(open_file, file_bytes), file_bytes=file_bytes, dictionaries=dictionaries or {})
    ):
        if isinstance(piece, ReadGap):
            yield ReadFailure(piece.reason, line.head, line.length, piece.skipped)
            line = _PartialLine()
        else:
            yield from _split_block(line, piece)
    yield from line.end()


def _read_blocks(open_file: Callable[[], BinaryIO], size: int) -> Iterator[bytes | ReadGap]:
    read = 0
    try:
        with open_file() as file:
            while block := file.read(BLOCK_BYTES):
                yield block
                read += len(block)
    except (ConnectionError, TimeoutError):
        raise  # a fault of the network, not of the file: another run may read it
    except OSError as error:
        yield ReadGap(f"the file can't be read: {error.strerror or type(error).__name__}", max(size - read, 0))


class _PartialLine:
    """The beginning of a line whose end has not been read yet; of an overlong line, only the head is kept."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.length = 0

    @property
    def head(self) -> bytes:
        return b"".join(self._parts)[:RAW_LIMIT_BYTES]

    @property
    def is_overlong(self) -> bool:
        return self.length > LINE_LIMIT_BYTES

    def add(self, part: bytes) -> None:
        was_overlong = self.is_overlong
        self.length += len(part)
        if not was_overlong:
            self._parts.append(part)
            if self.is_overlong:
                self._parts = [self.head]

    def end(self) -> Iterator[LineBlock | OverlongLine]:
        """Yield the last line of the file, unless it is empty."""
        if self.is_overlong:
            yield OverlongLine(self.head, self.length)
        elif self.length:
            yield LineBlock(b"".join(self._parts))

    def join(self, rest: memoryview) -> bytes:
        """Return the beginning of the line, followed by `rest`."""
        return b"".join((*self._parts, rest))

    def clear(self) -> None:
        self._parts, self.length = [], 0


def _split_block(line: _PartialLine, block: bytes) -> Iterator[LineBlock | OverlongLine]:
    """Yield the lines that end in `block`, and keep the beginning of the next line in `line`.

    `line` holds the beginning of the first line, from earlier blocks.
    """
    start, end = 0, block.rfind(b"\n")
    if end >= 0:
        if line.is_overlong:
            start = block.find(b"\n") + 1
            yield OverlongLine(line.head, line.length + start - 1)
            line.clear()
        if start <= end:
            yield from _split_overlong(line.join(memoryview(block)[start:end]))
            line.clear()
        start = end + 1
    if start < len(block):
        line.add(block[start:] if start else block)


def _split_overlong(body: bytes) -> Iterator[LineBlock | OverlongLine]:
    """Separate overlong lines from the others; only a body longer than the limit can hold one."""
    if len(body) <= LINE_LIMIT_BYTES:
        yield LineBlock(body)
        return
    for line in body.split(b"\n"):
        yield LineBlock(line) if len(line) <= LINE_LIMIT_BYTES else OverlongLine(line[:RAW_LIMIT_BYTES], len(line))
