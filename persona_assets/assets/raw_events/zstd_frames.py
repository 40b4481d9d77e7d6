"""Decompress frames of zstd a block at a time: what comes out of a block is bounded, whatever it expands to."""

from collections.abc import Iterator, Mapping
from typing import NoReturn

import zstandard

from persona_assets.assets.raw_events.byte_source import DAMAGED, WRONG_CHECKSUM, DamageError, Source
from persona_assets.assets.raw_events.file_formats import ZSTD

# As zstd's own tools allow with --long=31. Of a window as much is in memory as was decompressed.
_WINDOW_BYTES = 1 << 31
_HEADER_BYTES = 18
BLOCK_BYTES = 1 << 17  # of a block, at most, before and after
_RUN, _RESERVED = 1, 3  # kinds of blocks in RFC 8878
# Jetstream's dictionaries, the only ones that are named: whoever writes a file may put any id into it.
_KNOWN_DICTIONARIES = (1612007021, 20260811)
_ENDS_INSIDE = "the file ends inside a zstd frame"


class ZstdFrames:
    """Reads frames of zstd; it keeps a decompressor for each dictionary."""

    def __init__(self, dictionaries: Mapping[int, bytes]) -> None:
        """Take dictionaries, by id."""
        self._dictionaries = dictionaries
        self._made: dict[int, zstandard.ZstdDecompressor] = {}

    def read(self, source: Source) -> Iterator[bytes]:
        """Yield what the frame at `source` holds, and leave the source behind it or where it is damaged.

        Raises:
            DamageError: It is damaged, asks for a dictionary that is not there, or the source ends inside it.
        """
        header = source.peek(_HEADER_BYTES)
        if not header.startswith(ZSTD):
            _skip_skippable(source)
            return
        about, length = _read_header(header)
        unpacker = self._decompressor(about.dict_id)
        if unpacker is None:
            _skip_frame(source, length, _name_missing(about.dict_id), has_checksum=about.has_checksum)
        frame = unpacker.decompressobj()
        held, size, damage = list[bytes](), 0, None
        try:
            frame.decompress(header[:length])
            source.take(length)
            for block in _blocks(source, has_checksum=about.has_checksum):
                content = frame.decompress(block)
                source.take(len(block))
                held.append(content)
                size += len(content)
                # A recorder may end a block with each line.
                if size >= BLOCK_BYTES:
                    yield b"".join(held)
                    held, size = [], 0
        except zstandard.ZstdError as error:
            damage = DamageError(WRONG_CHECKSUM if "checksum" in str(error) else DAMAGED)
        except DamageError as error:
            damage = error
        if size:
            yield b"".join(held)
        if damage is not None:
            raise damage

    def _decompressor(self, dictionary: int) -> zstandard.ZstdDecompressor | None:
        if dictionary and dictionary not in self._dictionaries:
            return None
        if dictionary not in self._made:
            data = zstandard.ZstdCompressionDict(self._dictionaries[dictionary]) if dictionary else None
            self._made[dictionary] = zstandard.ZstdDecompressor(dict_data=data, max_window_size=_WINDOW_BYTES)
        return self._made[dictionary]


def _name_missing(dictionary: int) -> str:
    """Return one of few reasons."""
    is_known = dictionary in _KNOWN_DICTIONARIES
    return f"the zstd dictionary {dictionary} is missing" if is_known else "a zstd dictionary is missing"


def _read_header(header: bytes) -> tuple[zstandard.FrameParameters, int]:
    """Return what a frame's header says, and its length."""
    try:
        about, length = zstandard.get_frame_parameters(header), zstandard.frame_header_size(header)
    except zstandard.ZstdError as error:
        is_end = len(header) < _HEADER_BYTES
        reason = "a zstd window of more than 2 GiB" if "memory" in str(error) else DAMAGED
        raise DamageError(_ENDS_INSIDE if is_end else reason, is_end=is_end) from error
    if ZSTD in header[1 : length + len(ZSTD) - 1]:
        raise DamageError(_ENDS_INSIDE)
    return about, length


def _blocks(source: Source, *, has_checksum: bool) -> Iterator[bytes]:
    """Yield the blocks of a frame, each at most 128 KiB before and after, and its checksum; the caller takes them."""
    is_last = False
    while not is_last:
        header = int.from_bytes(source.peek(3), "little")
        is_last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        if kind == _RESERVED or size > BLOCK_BYTES:
            raise DamageError(DAMAGED)
        yield _peek_whole(source, 3 + (1 if kind == _RUN else size))
    if has_checksum:
        yield _peek_whole(source, 4)


def _peek_whole(source: Source, length: int) -> bytes:
    found = source.peek(length)
    if len(found) < length:
        raise DamageError(_ENDS_INSIDE, is_end=True)
    return found


def _skip_frame(source: Source, header: int, reason: str, *, has_checksum: bool) -> NoReturn:
    start = source.place
    source.take(header)
    for block in _blocks(source, has_checksum=has_checksum):
        source.take(len(block))
    raise DamageError(reason, unread=source.place - start)


def _skip_skippable(source: Source) -> None:
    header = source.peek(8)
    size = int.from_bytes(header[4:], "little")
    if len(header) < 8 or not source.drop(8 + size):  # noqa: PLR2004 - a magic and a length
        raise DamageError(_ENDS_INSIDE, is_end=True)
