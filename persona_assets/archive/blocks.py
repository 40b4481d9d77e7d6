"""Decode a block of a segment into columns, without a Python object per event."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import zstandard

from persona_assets.archive.segment_files import MAX_BLOCK_BYTES
from persona_assets.errors import SegmentError

CREATE, UPDATE, DELETE, IDENTITY, ACCOUNT, SYNC, CREATE_BY_RESYNC = range(1, 8)
OPERATION_BY_KIND = {CREATE: "create", UPDATE: "update", DELETE: "delete", CREATE_BY_RESYNC: "create"}
BODY_BY_KIND = {IDENTITY: "identity", ACCOUNT: "account", SYNC: "sync"}

_ASCII_END = 0x80
_COUNT_BYTES = 4
_FIXED = ("<u8", "<i8", "<i8", "u1", "u1", "<u2", "u1", "u1", "<u4")
_ROW_BYTES = sum(np.dtype(kind).itemsize for kind in _FIXED)


@dataclass(frozen=True)
class ByteStringColumn:
    """A column of byte strings in one buffer: value `i` is `content[ends[i] : ends[i + 1]]`."""

    content: bytes  # of the whole block
    ends: np.ndarray  # int64 (n + 1,), ascending

    def __getitem__(self, row: int) -> bytes:
        """Return one value."""
        return self.content[self.ends[row] : self.ends[row + 1]]

    @property
    def all_bytes(self) -> np.ndarray:
        """Bytes of all values, one value after the other without separators: uint8 `(n_bytes,)`."""
        return np.frombuffer(self.content, np.uint8)[self.ends[0] : self.ends[-1]]

    @property
    def lengths(self) -> np.ndarray:
        """Length of each value in bytes: int64 `(n,)`."""
        return np.diff(self.ends)

    def count_beyond_ascii(self) -> np.ndarray:
        """Return the number of non-ASCII bytes of each value: int64 `(n,)`."""
        places = np.flatnonzero(self.all_bytes >= _ASCII_END) + self.ends[0]
        return np.diff(np.searchsorted(places, self.ends))

    def to_strings(self) -> pa.StringArray | None:
        """Return the values as strings without copying them; None if one is not UTF-8."""
        buffers = [None, pa.py_buffer(self.ends.astype(np.int32)), pa.py_buffer(self.content)]
        strings = pa.Array.from_buffers(pa.string(), len(self.ends) - 1, buffers)
        try:
            strings.validate(full=True)
        except pa.ArrowInvalid:
            return None
        return strings


class Block(NamedTuple):
    """The events of a block as columns, in the order in which the server saw them."""

    seqs: np.ndarray  # uint64 (n,)
    witnessed_us: np.ndarray  # int64 (n,), when the server saw the event
    indexed_us: np.ndarray  # int64 (n,), imported time; 0 where there is none
    kinds: np.ndarray  # uint8 (n,)
    collections: ByteStringColumn
    dids: ByteStringColumn
    rkeys: ByteStringColumn
    revs: ByteStringColumn
    payloads: ByteStringColumn  # records and bodies in DAG-CBOR
    size: int  # of the decompressed block in bytes

    @property
    def times_us(self) -> np.ndarray:
        """Time of each event in microseconds since 1970, as Jetstream's streams send it: int64 `(n,)`."""
        return np.where(self.indexed_us == 0, self.witnessed_us, self.indexed_us)


def decode_block(
    frame: bytes,
    *,
    segment_name: str,
    block_number: int,
    max_bytes: int = MAX_BLOCK_BYTES,
    expected_events: int | None = None,
) -> Block:
    """Decompress a zstd-compressed block of an archive segment, and return its events as columns.

    Args:
        frame: The block's zstd frame.
        segment_name: How errors call the segment.
        block_number: Number of the block, from 0, for errors.
        max_bytes: Maximum size of the decompressed block.
        expected_events: Number of events that the index promises; None does not compare it.

    Raises:
        SegmentError: The frame is damaged, is too large, or its columns do not fill it exactly.
    """
    content = _decompress(frame, max_bytes, segment_name, block_number)
    count = int.from_bytes(content[:_COUNT_BYTES], "little")
    if len(content) < _COUNT_BYTES + count * _ROW_BYTES or expected_events not in (None, count):
        raise SegmentError("the number of events of a block is wrong", name=segment_name, block=block_number)
    fixed, at = list[np.ndarray](), _COUNT_BYTES
    for kind in _FIXED:
        fixed.append(np.frombuffer(content, kind, count, at))
        at += fixed[-1].nbytes
    seqs, witnessed, indexed, kinds, *lengths = fixed
    values = list[ByteStringColumn]()
    for sizes in lengths:
        ends = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]) + at
        values.append(ByteStringColumn(content, ends))
        at = int(ends[-1])
    if at != len(content):
        raise SegmentError("the columns of a block do not fill it", name=segment_name, block=block_number)
    collections, dids, rkeys, revs, payloads = values
    return Block(seqs, witnessed, indexed, kinds, collections, dids, rkeys, revs, payloads, len(content))


def _decompress(frame: bytes, max_bytes: int, name: str, number: int) -> bytes:
    try:
        declared = zstandard.get_frame_parameters(frame).content_size
        # Checked before memory is allocated; a frame that declares no size declares 2^64 - 1.
        if declared > max_bytes:
            raise SegmentError("a block is too large", name=name, block=number)
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=max_bytes, allow_extra_data=False)
    except zstandard.ZstdError:
        raise SegmentError("a block is damaged", name=name, block=number) from None
