"""Cut a file into lines, whatever it is compressed with, in bounded memory."""

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, NamedTuple

from persona_assets.assets.raw_events.byte_source import BLOCK_BYTES, Gap, gather
from persona_assets.assets.raw_events.decompress import decompress
from persona_assets.tables import RAW_LIMIT_BYTES

# A repository's record is at most 1 MiB of CBOR, some 6 MiB of JSON when all of it is escaped.
LINE_LIMIT_BYTES = 1 << 24


class Lines(NamedTuple):
    """Whole lines, one after the other."""

    body: bytes  # with "\n" between them and none at the end


class Overlong(NamedTuple):
    """A line that is longer than `LINE_LIMIT_BYTES`."""

    head: bytes
    length: int


class Broken(NamedTuple):
    """Where bytes of a file can't be read; `head` and `length` are of the line that breaks off there."""

    reason: str
    head: bytes
    length: int
    skipped: int = 0  # bytes of the file that were not read


def read_lines(
    open_file: Callable[[], BinaryIO], *, size: int = 0, dictionaries: Mapping[int, bytes] | None = None
) -> Iterator[Lines | Overlong | Broken]:
    """Yield the lines of a file in order, a block of 128 KiB or somewhat more at a time.

    What the file is compressed with, and whether it is in UTF-16, is told by its first bytes; members and frames may be
    concatenated. Behind damage the file is read on from the next member or frame. Memory: some 16 MiB for an overlong
    line, and a window of zstd, which may be 2 GiB, as far as the data reach.

    Args:
        open_file: Opens the file for reading bytes; an OSError that it raises becomes `Broken`, unless the network is
            to blame.
        size: Of the file: so many bytes are not read when it can't be opened, and no more whatever is damaged.
        dictionaries: zstd dictionaries by id.

    Yields:
        Lines, overlong lines and, where the file could not be read, why.

    Raises:
        ConnectionError, TimeoutError: The file lies elsewhere, and the network failed.
    """
    line = _Line()
    for piece in gather(decompress(_read_blocks(open_file, size), size=size, dictionaries=dictionaries or {})):
        if isinstance(piece, Gap):
            yield Broken(piece.reason, line.head, line.length, piece.skipped)
            line = _Line()
        else:
            yield from _cut(line, piece)
    yield from line.end()


def _read_blocks(open_file: Callable[[], BinaryIO], size: int) -> Iterator[bytes | Gap]:
    read = 0
    try:
        with open_file() as file:
            while block := file.read(BLOCK_BYTES):
                yield block
                read += len(block)
    except (ConnectionError, TimeoutError):
        raise  # the network's fault, not the file's: another run reads it whole
    except OSError as error:
        yield Gap(f"the file can't be read: {error.strerror or type(error).__name__}", max(size - read, 0))


class _Line:
    """The beginning of a line that has not ended yet."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # of an overlong line, only its head
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

    def end(self) -> Iterator[Lines | Overlong]:
        """Yield the line, if there is one: an empty line at the end of a file is none."""
        if self.is_overlong:
            yield Overlong(self.head, self.length)
        elif self.length:
            yield Lines(b"".join(self._parts))

    def join(self, rest: memoryview) -> bytes:
        """Return the line's beginning and what follows."""
        return b"".join((*self._parts, rest))

    def clear(self) -> None:
        self._parts, self.length = [], 0


def _cut(line: _Line, block: bytes) -> Iterator[Lines | Overlong]:
    """Yield the lines that end in `block`, of which `line` is the beginning; it is then that of the next."""
    start, end = 0, block.rfind(b"\n")
    if end >= 0:
        if line.is_overlong:
            start = block.find(b"\n") + 1
            yield Overlong(line.head, line.length + start - 1)
            line.clear()
        if start <= end:
            yield from _split_overlong(line.join(memoryview(block)[start:end]))
            line.clear()
        start = end + 1
    if start < len(block):
        line.add(block[start:] if start else block)


def _split_overlong(body: bytes) -> Iterator[Lines | Overlong]:
    """Take overlong lines out of `body`; only a body that is longer than the limit can hold one."""
    if len(body) <= LINE_LIMIT_BYTES:
        yield Lines(body)
        return
    for line in body.split(b"\n"):
        yield Lines(line) if len(line) <= LINE_LIMIT_BYTES else Overlong(line[:RAW_LIMIT_BYTES], len(line))
