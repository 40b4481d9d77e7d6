"""Write Parquet files with a checksum in their footer, and verify it before the file is read.

One flipped bit in a compressed page can decode to other values without an error. Page checksums detect that, but DuckDB
does not look at them, and they do not cover the footer. So the footer also holds two digests (XXH3, 128 bits): one of
all bytes before the footer, and one of the footer itself, computed with zeros in the place of that second digest.
"""

import io
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from persona_assets.errors import StorageError

CHECKSUM_KEY = "persona_assets.checksum"
_BLOCK_BYTES = 1 << 20
_TAIL_BYTES = 8  # a Parquet file ends with the length of the footer and PAR1
_PLACEHOLDER = b"0" * 32
# The value of CHECKSUM_KEY; any bytes match as digests, because they may be damaged. The last match in a footer counts:
# column statistics, which hold values of the table, come before it.
_CHECKSUM = re.compile(rb"xxh3_128 body=(?P<body>.{32}) footer=(?P<footer>.{32})", re.DOTALL)


@contextmanager
def open_checksummed_writer(
    where: Path | BinaryIO | Any, schema: pa.Schema, **options: Any
) -> Generator[pq.ParquetWriter]:
    """Yield a `ParquetWriter` for `where`; when the block ends, checksums of body and footer are stored in the footer.

    Args:
        where: A path, or a file open for writing bytes, which need not be seekable.
        schema: Schema of the file.
        options: Options of `pyarrow.parquet.ParquetWriter`.
    """
    if isinstance(where, Path):
        with where.open("wb") as file, open_checksummed_writer(file, schema, **options) as writer:
            yield writer
        return
    sink = _ChecksumSink(where)
    with pq.ParquetWriter(sink, schema, write_page_checksum=True, **options) as writer:
        yield writer
        writer.add_key_value_metadata({CHECKSUM_KEY: sink.end_body()})
    sink.end_footer()


def verify_parquet(file: BinaryIO, *, name: object, whole: bool = True) -> bool:
    """Verify a Parquet file against the checksums in its footer; return False if it has none (version 0.1).

    Args:
        file: A seekable file open for reading bytes.
        name: Name of the file in errors.
        whole: Whether to read the whole file. If false, only the footer is verified, and page checksums cover the rest.

    Raises:
        StorageError: The file is no whole Parquet file, or a byte of it has changed since it was written.
    """
    footer = _read_footer(file, name)
    checksum = _find_checksum(footer)
    if checksum is None:
        if CHECKSUM_KEY.encode() in footer:
            raise StorageError(f"{name} is damaged: its checksum can't be read. Materialize this partition again")
        return False
    start, end = checksum.span("footer")
    without_own_digest = footer[:start] + _PLACEHOLDER + footer[end:]
    is_right = xxhash.xxh3_128_hexdigest(without_own_digest).encode() == checksum["footer"]
    if not is_right or (whole and _digest_body(file, len(footer)) != checksum["body"]):
        raise StorageError(f"{name} is damaged: its checksum differs. Materialize this partition again")
    return True


def read_body_digest(file: BinaryIO, *, name: object) -> str | None:
    """Return the digest of all bytes before the footer as stored in the footer, unverified; None if it has none.

    Args:
        file: A seekable file open for reading bytes.
        name: Name of the file in errors.
    """
    checksum = _find_checksum(_read_footer(file, name))
    return checksum["body"].decode("ascii", "replace") if checksum else None


class _ChecksumSink(io.RawIOBase):
    """A file object that passes bytes on and digests them, and holds the footer back until its digest is known."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._digest = xxhash.xxh3_128()
        self._position = 0
        self._footer: bytearray | None = None

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, content: Any, /) -> int:
        view = memoryview(content).cast("B")
        if self._footer is None:
            self._digest.update(view)
            self._file.write(view)
        else:
            self._footer += view
        self._position += len(view)
        return len(view)

    def end_body(self) -> str:
        """Return the value of `CHECKSUM_KEY` with zeros as the digest of the footer; all later bytes are the footer."""
        self._footer = bytearray()
        return f"xxh3_128 body={self._digest.hexdigest()} footer={_PLACEHOLDER.decode()}"

    def end_footer(self) -> None:
        """Write the footer, with its digest in the place of the zeros that `end_body` returned."""
        footer = bytes(self._footer or b"")
        *_, checksum = _CHECKSUM.finditer(footer)
        start, end = checksum.span("footer")
        self._file.write(footer[:start] + xxhash.xxh3_128_hexdigest(footer).encode() + footer[end:])


def _footer_bytes(tail: bytes) -> int:
    """Return the length of the footer and the tail in bytes, from the tail of a file."""
    return int.from_bytes(tail[:4], "little") + _TAIL_BYTES


def _read_footer(file: BinaryIO, name: object) -> bytes:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read(_TAIL_BYTES)
    length = _footer_bytes(tail)
    if tail[4:] != b"PAR1" or length > size:
        raise StorageError(f"{name} is not a whole Parquet file: materialize this partition again")
    file.seek(size - length)
    return file.read(length)


def _find_checksum(footer: bytes) -> re.Match[bytes] | None:
    """Return the last match of the checksum in the footer, which is not parsed, because it may be damaged."""
    return next(reversed(list(_CHECKSUM.finditer(footer))), None)


def _digest_body(file: BinaryIO, footer_bytes: int) -> bytes:
    left = file.seek(0, io.SEEK_END) - footer_bytes
    file.seek(0)
    digest = xxhash.xxh3_128()
    while left and (block := file.read(min(left, _BLOCK_BYTES))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest().encode()
