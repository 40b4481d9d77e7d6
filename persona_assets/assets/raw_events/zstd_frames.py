"""Decompress zstd frames block by block: a block decompresses to at most 128 KiB, which bounds memory."""

from collections.abc import Iterator, Mapping
from typing import NoReturn

import zstandard

from persona_assets.assets.raw_events.byte_source import DAMAGED, WRONG_CHECKSUM, ByteSource, DamageError
from persona_assets.assets.raw_events.file_formats import ZSTD

# Maximum window, that of zstd's own tool with --long=31. Memory grows with the data decompressed, up to the window.
_MAX_WINDOW_BYTES = 1 << 31
_HEADER_BYTES = 18
BLOCK_BYTES = 1 << 17  # maximum size of a block, compressed and decompressed
_RLE_BLOCK, _RESERVED_BLOCK = 1, 3  # block types of RFC 8878
# Ids of Jetstream's dictionaries. Reasons name no other ids, because files may contain any.
_KNOWN_DICTIONARIES = (1612007021, 20260811)
_ENDS_INSIDE = "the file ends inside a zstd frame"


class ZstdFrameReader:
    """Decompresses zstd frames in blocks of at most 128 KiB; keeps a decompressor for each dictionary."""

    def __init__(self, dictionaries: Mapping[int, bytes]) -> None:
        """Store the zstd dictionaries, by dictionary id."""
        self._dictionaries = dictionaries
        self._decompressors: dict[int, zstandard.ZstdDecompressor] = {}

    def read(self, source: ByteSource) -> Iterator[bytes]:
        """Yield the decompressed content of the frame at the position of `source`, and move `source` behind it.

        From a damaged frame, yield the content before the damage, and leave the source there.

        Raises:
            DamageError: The frame is damaged or needs a missing dictionary, or the source ends inside it.
        """
        header = source.peek(_HEADER_BYTES)
        if not header.startswith(ZSTD):
            _skip_skippable(source)
            return
        about, length = _read_header(header)
        unpacker = self._decompressor(about.dict_id)
        if unpacker is None:
            _skip_frame(source, length, _missing_dictionary_reason(about.dict_id), has_checksum=about.has_checksum)
        frame = unpacker.decompressobj()
        pieces, size, damage = list[bytes](), 0, None
        try:
            frame.decompress(header[:length])
            source.consume(length)
            for block in _blocks(source, has_checksum=about.has_checksum):
                content = frame.decompress(block)
                source.consume(len(block))
                pieces.append(content)
                size += len(content)
                # A recorder may write one block per line: join them.
                if size >= BLOCK_BYTES:
                    yield b"".join(pieces)
                    pieces, size = [], 0
        except zstandard.ZstdError as error:
            damage = DamageError(WRONG_CHECKSUM if "checksum" in str(error) else DAMAGED)
        except DamageError as error:
            damage = error
        if size:
            yield b"".join(pieces)
        if damage is not None:
            raise damage

    def _decompressor(self, dictionary: int) -> zstandard.ZstdDecompressor | None:
        if dictionary and dictionary not in self._dictionaries:
            return None
        if dictionary not in self._decompressors:
            data = zstandard.ZstdCompressionDict(self._dictionaries[dictionary]) if dictionary else None
            self._decompressors[dictionary] = zstandard.ZstdDecompressor(
                dict_data=data, max_window_size=_MAX_WINDOW_BYTES
            )
        return self._decompressors[dictionary]


def _missing_dictionary_reason(dictionary: int) -> str:
    """Return the reason, which names the dictionary only if it is one of Jetstream's."""
    is_known = dictionary in _KNOWN_DICTIONARIES
    return f"the zstd dictionary {dictionary} is missing" if is_known else "a zstd dictionary is missing"


def _read_header(header: bytes) -> tuple[zstandard.FrameParameters, int]:
    """Return the parameters of a frame, and the length of its header in bytes."""
    try:
        about, length = zstandard.get_frame_parameters(header), zstandard.frame_header_size(header)
    except zstandard.ZstdError as error:
        is_end = len(header) < _HEADER_BYTES
        reason = "a zstd window of more than 2 GiB" if "memory" in str(error) else DAMAGED
        raise DamageError(_ENDS_INSIDE if is_end else reason, is_end=is_end) from error
    if ZSTD in header[1 : length + len(ZSTD) - 1]:
        raise DamageError(_ENDS_INSIDE)
    return about, length


def _blocks(source: ByteSource, *, has_checksum: bool) -> Iterator[bytes]:
    """Yield the compressed blocks of a frame, and its checksum if it has one; the caller consumes them."""
    is_last = False
    while not is_last:
        header = int.from_bytes(source.peek(3), "little")
        is_last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        if kind == _RESERVED_BLOCK or size > BLOCK_BYTES:
            raise DamageError(DAMAGED)
        yield _peek_exactly(source, 3 + (1 if kind == _RLE_BLOCK else size))
    if has_checksum:
        yield _peek_exactly(source, 4)


def _peek_exactly(source: ByteSource, length: int) -> bytes:
    found = source.peek(length)
    if len(found) < length:
        raise DamageError(_ENDS_INSIDE, is_end=True)
    return found


def _skip_frame(source: ByteSource, header: int, reason: str, *, has_checksum: bool) -> NoReturn:
    start = source.position
    source.consume(header)
    for block in _blocks(source, has_checksum=has_checksum):
        source.consume(len(block))
    raise DamageError(reason, unread=source.position - start)


def _skip_skippable(source: ByteSource) -> None:
    header = source.peek(8)
    size = int.from_bytes(header[4:], "little")
    if len(header) < 8 or not source.skip(8 + size):  # noqa: PLR2004 - a magic and a length
        raise DamageError(_ENDS_INSIDE, is_end=True)
