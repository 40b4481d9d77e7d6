"""Cut a file into lines, whatever it is compressed with, in bounded memory."""

import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, Protocol

import zstandard

from persona_assets.tables import RAW_LIMIT_BYTES

# Small enough for the processor's cache, and for memory that is used again without asking the system for it.
BLOCK_BYTES = 1 << 17
# A compressed block is fed in smaller pieces: what comes out of one is held at once.
_PACKED_BYTES = 1 << 16
# A repository's record is at most 1 MiB of CBOR, some 6 MiB of JSON when all of it is escaped.
LINE_LIMIT_BYTES = 1 << 24

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a first byte of 0x50 to 0x5f


class Lines(NamedTuple):
    """Whole lines, one after the other."""

    body: bytes  # with "\n" between them and none at the end


class Overlong(NamedTuple):
    """A line that is longer than `LINE_LIMIT_BYTES`."""

    head: bytes
    length: int


class Broken(NamedTuple):
    """Where a file can't be read any further; `head` and `length` are of the line that it breaks off in."""

    reason: str
    head: bytes
    length: int


class _Unpacker(Protocol):
    """One gzip member or zstd frame, as zlib and zstandard give it."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _BrokenError(Exception):
    """A file ends, or stops making sense, before its end."""


def read_lines(open_file: Callable[[], BinaryIO]) -> Iterator[Lines | Overlong | Broken]:
    """Yield the lines of a file in order, a block of about 1 MiB at a time.

    Plain, gzip and zstd are told by the first bytes; members and frames may be concatenated.

    Args:
        open_file: Opens the file for reading bytes; an OSError that it raises becomes `Broken`, unless the network is
            to blame.

    Yields:
        Lines, overlong lines and, last, where the file could not be read any further.

    Raises:
        ConnectionError, TimeoutError: The file lies elsewhere, and the network failed.
    """
    pending = b""  # the beginning of a line that has not ended yet, at most LINE_LIMIT_BYTES long
    length = 0  # of that line, when it is overlong; then `pending` is only its head
    try:
        for block in _unpack(open_file):
            start = 0
            if length:
                end = block.find(b"\n")
                if end < 0:
                    length += len(block)
                    continue
                yield Overlong(pending, length + end)
                pending, length, start = b"", 0, end + 1
            end = block.rfind(b"\n", start)
            if end < 0:
                pending += block[start:]
            else:
                yield from _split_overlong(b"".join((pending, memoryview(block)[start:end])))
                pending = block[end + 1 :]
            if len(pending) > LINE_LIMIT_BYTES:
                pending, length = pending[:RAW_LIMIT_BYTES], len(pending)
    except _BrokenError as error:
        yield Broken(str(error), pending[:RAW_LIMIT_BYTES], length or len(pending))
    else:
        if length:
            yield Overlong(pending, length)
        elif pending:
            yield Lines(pending)


def _split_overlong(body: bytes) -> Iterator[Lines | Overlong]:
    """Take overlong lines out of `body`; only a body that is longer than the limit can hold one."""
    if len(body) <= LINE_LIMIT_BYTES:
        yield Lines(body)
        return
    for line in body.split(b"\n"):
        yield Lines(line) if len(line) <= LINE_LIMIT_BYTES else Overlong(line[:RAW_LIMIT_BYTES], len(line))


def _unpack(open_file: Callable[[], BinaryIO]) -> Iterator[bytes]:
    try:
        with open_file() as file:
            first = file.read(_PACKED_BYTES)
            if first.startswith(_GZIP):
                yield from _unpack_frames(file, first, lambda: zlib.decompressobj(wbits=31), "gzip")
            elif first.startswith(_ZSTD) or (first[:1].hex()[:1] == "5" and first[1:4] == _ZSTD_SKIPPABLE):
                yield from _unpack_frames(file, first, zstandard.ZstdDecompressor().decompressobj, "zstd")
            else:
                yield first
                while block := file.read(BLOCK_BYTES):
                    yield block
    except (ConnectionError, TimeoutError):
        raise  # the network's fault, not the file's: another run reads it whole
    except OSError as error:
        raise _BrokenError(f"the file can't be read: {error.strerror or type(error).__name__}") from error
    except (zlib.error, zstandard.ZstdError) as error:
        raise _BrokenError("the compressed data is damaged") from error


def _unpack_frames(file: BinaryIO, data: bytes, start: Callable[[], _Unpacker], kind: str) -> Iterator[bytes]:
    unpacker = start()
    begun = False  # whether the frame has got any data
    while data:
        if unpacker.eof:
            unpacker, begun = start(), False
        yield unpacker.decompress(data)
        begun = True
        # Zero bytes after a member are padding (tape blocks), as gzip(1) reads it.
        data = unpacker.unused_data.lstrip(b"\0") if unpacker.eof else b""
        data = data or file.read(_PACKED_BYTES)
    if begun and not unpacker.eof:
        raise _BrokenError(f"the file ends inside a {kind} frame")
