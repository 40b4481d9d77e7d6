"""Read the header, the index and the blocks of a sealed segment, and verify each length before it is used."""

import struct
from typing import BinaryIO, NamedTuple

import xxhash

from persona_assets.errors import SegmentError

MAGIC = b"jss0"
HEADER_BYTES = 256
_VERSION = 1
# Behind the magic: the checksum, which covers the header behind it and everything from the footer's offset on.
_CHECKSUM = struct.Struct("<Q")
_COVERED_FROM = len(MAGIC) + _CHECKSUM.size
_HEADER = struct.Struct("<HIIIQQqqQQQQQ")
_INDEX_ENTRY = struct.Struct("<QIIIQQqq")
_LENGTH = struct.Struct("<Q")
_PIECE_BYTES = 1 << 20
# Upper bounds. A block has 4,096 events, mostly of 300 bytes each, and a segment has about 500 blocks; the footer holds
# filters of 7 kB per block.
_MAX_FOOTER_BYTES = 1 << 28
_MAX_BLOCKS = 1 << 16
MAX_BLOCK_BYTES = 1 << 28


class IndexEntry(NamedTuple):
    """Index entry of one block of a segment: offset and size in the file, and ranges of event numbers and times."""

    offset: int  # of the length before the block, from the start of the file
    compressed_bytes: int
    uncompressed_bytes: int
    events: int
    min_seq: int
    max_seq: int
    min_witnessed_us: int
    max_witnessed_us: int


class SegmentIndex(NamedTuple):
    """Header and index of a sealed segment: checksum, number of events, ranges, and one entry per block."""

    checksum: str  # 16 hexadecimal digits, as servers name it
    events: int
    min_seq: int
    max_seq: int
    min_witnessed_us: int
    max_witnessed_us: int
    blocks: tuple[IndexEntry, ...]


def read_segment_index(file: BinaryIO, *, file_bytes: int, name: str) -> SegmentIndex:
    """Read the header and the block index of an open segment file, and verify their checksum.

    The checksum does not cover the blocks: each has one of its own, which `decode_block` verifies.

    Args:
        file: The segment, open for reading bytes; it must be seekable.
        file_bytes: Size of the file in bytes.
        name: How errors call the file.

    Raises:
        SegmentError: The file is no sealed segment, ends too early, or is damaged.
    """
    header = _read_at(file, 0, min(HEADER_BYTES, file_bytes))
    if not header.startswith(MAGIC):
        raise SegmentError("not a segment of Jetstream's archive", name=name)
    if len(header) < HEADER_BYTES:
        raise SegmentError("the segment ends too early", name=name)
    (checksum,) = _CHECKSUM.unpack_from(header, len(MAGIC))
    fields = _HEADER.unpack_from(header, _COVERED_FROM)
    version, blocks, events, _, min_seq, max_seq, min_us, max_us, footer_at, *_, index_at = fields
    if checksum == 0:
        raise SegmentError("the segment is not sealed", name=name)
    if version != _VERSION:
        raise SegmentError("the segment is of an unknown version", name=name)
    index_bytes = blocks * _INDEX_ENTRY.size
    if file_bytes < footer_at:
        raise SegmentError("the segment ends too early", name=name)
    if (
        not HEADER_BYTES <= footer_at <= index_at
        or file_bytes - footer_at > _MAX_FOOTER_BYTES
        or blocks > _MAX_BLOCKS
        or index_at + index_bytes > file_bytes
    ):
        raise SegmentError("the segment's header contradicts its size", name=name)
    if _hash(file, header, footer_at, file_bytes) != checksum:
        raise SegmentError("the segment does not match its checksum", name=name)
    index = tuple(IndexEntry(*entry) for entry in _INDEX_ENTRY.iter_unpack(_read_at(file, index_at, index_bytes)))
    _verify_index(index, events, footer_at, name)
    return SegmentIndex(f"{checksum:016x}", events, min_seq, max_seq, min_us, max_us, index)


def read_block_frame(file: BinaryIO, entry: IndexEntry, *, name: str, number: int) -> bytes:
    """Read and return the zstd frame of the block that `entry` describes, still compressed.

    Args:
        file: The segment.
        entry: The block's entry in the index.
        name: How errors call the file.
        number: Number of the block, from 0, for errors.

    Raises:
        SegmentError: The file ends too early, or the length before the block is not that of the index.
    """
    content = _read_at(file, entry.offset, _LENGTH.size + entry.compressed_bytes)
    if len(content) < _LENGTH.size + entry.compressed_bytes:
        raise SegmentError("the segment ends too early", name=name, block=number)
    if _LENGTH.unpack_from(content)[0] != entry.compressed_bytes:
        raise SegmentError("the length of a block is not that of the index", name=name, block=number)
    return content[_LENGTH.size :]


def _verify_index(index: tuple[IndexEntry, ...], events: int, footer_at: int, name: str) -> None:
    """Require that blocks follow each other from the header to the footer, and hold the events of the header."""
    at = HEADER_BYTES
    for number, entry in enumerate(index):
        if entry.offset != at or entry.uncompressed_bytes > MAX_BLOCK_BYTES:
            raise SegmentError("the index of the segment is wrong", name=name, block=number)
        at += _LENGTH.size + entry.compressed_bytes
    if at != footer_at or sum(entry.events for entry in index) != events:
        raise SegmentError("the index of the segment is wrong", name=name)


def _hash(file: BinaryIO, header: bytes, footer_at: int, size: int) -> int:
    state = xxhash.xxh3_64(header[_COVERED_FROM:])
    for at in range(footer_at, size, _PIECE_BYTES):
        state.update(_read_at(file, at, min(_PIECE_BYTES, size - at)))
    return state.intdigest()


def _read_at(file: BinaryIO, at: int, length: int) -> bytes:
    """Return `length` bytes from `at` on, or fewer at the end of the file."""
    file.seek(at)
    parts, missing = list[bytes](), length
    while missing and (part := file.read(missing)):  # an unbuffered file may return them in parts
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
