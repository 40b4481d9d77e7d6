"""Decompress one member or frame, in pieces of bounded size and up to where it is damaged.

Each reader yields what comes out of the member that a source stands at, and leaves the source behind it. Of a damaged
one it yields what comes before the damage, leaves the source there, and raises.
"""

import bz2
import lzma
import zlib
from collections.abc import Iterator, Mapping
from typing import Protocol

from persona_assets.assets.raw_events.byte_source import DAMAGED, WRONG_CHECKSUM, DamageError, Source
from persona_assets.assets.raw_events.file_formats import GZIP, Packed
from persona_assets.assets.raw_events.zstd_frames import BLOCK_BYTES, ZstdFrames

# Most bytes that come out of a decompressor at once.
OUTPUT_BYTES = 1 << 18
# Three bytes of a magic number are met every 16 MiB of compressed data: so many places of a file are probed for a
# member to begin there, and so many are tried for a gzip member that is cut.
_MOST_PROBES, _MOST_TRIALS = 1024, 256
# What a probe sees: as much as a block of zstd, which gives something only when it is whole.
_PROBE_BYTES = BLOCK_BYTES + 32
# Bytes that a gzip member goes on for, where another one seems to begin in it. In 450 cuts the next member's bytes
# decompressed for 48 KiB at most before they made no sense.
_TRIAL_BYTES = 1 << 19
_PIECE_BYTES = 1 << 15
# What xz and bzip2 are given at once: the lines that a damaged piece held are lost.
_SMALL_PIECE_BYTES = 1 << 12
_XZ_MEMORY_BYTES = 1 << 31


class _Inflater(Protocol):
    """What zlib.decompressobj returns: a type without a public name."""

    @property
    def eof(self) -> bool: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    def copy(self) -> "_Inflater": ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class MemberReader:
    """Reads the members of one layer of a file; it keeps a decompressor of zstd for each dictionary."""

    def __init__(self, dictionaries: Mapping[int, bytes]) -> None:
        """Take zstd dictionaries, by id."""
        self._zstd = ZstdFrames(dictionaries)
        self._probes, self._trials = _MOST_PROBES, _MOST_TRIALS

    def read(self, packed: Packed | None, source: Source) -> Iterator[bytes]:
        """Yield what the member at `source` holds; None says that there is none.

        Raises:
            DamageError: It is damaged, or the source ends inside it.
        """
        if packed is None:
            raise DamageError(DAMAGED)
        if packed == "gzip":
            return self._read_gzip(source)
        if packed == "zstd":
            return self._zstd.read(source)
        if packed == "xz":
            return _read_buffered(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES), packed, source)
        return _read_buffered(bz2.BZ2Decompressor(), packed, source)

    @property
    def may_probe(self) -> bool:
        """Whether `begins` still looks: a file that is made of magic numbers must not take longer than another."""
        return self._probes > 0

    def begins(self, packed: Packed, source: Source, *, has_content: bool = False) -> bool:
        """Tell whether what looks like a member at `source` is one: what is there of it decompresses.

        Args:
            packed: What the member seems to be compressed with.
            source: Stays where it is.
            has_content: Whether something must come out of it.
        """
        self._probes -= 1
        ahead = Source(iter([source.peek(_PROBE_BYTES)]))
        pieces = self._read_gzip(ahead, may_be_cut=False) if packed == "gzip" else self.read(packed, ahead)
        try:
            content = next(pieces, None)
        except DamageError as damage:
            return not has_content and (damage.is_end or damage.unread > 0)
        return content is not None or not has_content

    def _read_gzip(self, source: Source, *, may_be_cut: bool = True) -> Iterator[bytes]:
        start, unpacker = source.place, zlib.decompressobj(wbits=31)
        while not unpacker.eof:
            ahead = source.peek(_PIECE_BYTES + len(GZIP) - 1)
            may_be_cut = may_be_cut and self.may_probe and self._trials > 0
            if may_be_cut and source.place > start and ahead.startswith(GZIP) and self._is_cut(unpacker, source):
                raise DamageError(_ends_inside("gzip"))
            another = ahead.find(GZIP, 1) if may_be_cut else 0
            piece = ahead[: another if another > 0 else _PIECE_BYTES]
            before = unpacker.copy()
            try:
                content = unpacker.decompress(piece, OUTPUT_BYTES)
            except zlib.error as error:
                sound, content = _read_to_damage(before, piece)
                source.take(sound)
                if content:
                    yield content
                reason = WRONG_CHECKSUM if "incorrect" in str(error) and "check" in str(error) else DAMAGED
                raise DamageError(reason) from error
            source.take(len(piece) - len(unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail))
            if content:
                yield content
            elif not piece and not unpacker.eof:
                raise DamageError(_ends_inside("gzip"), is_end=True)

    def _is_cut(self, unpacker: _Inflater, source: Source) -> bool:
        """Tell whether a member breaks off at `source`, where another one begins.

        Its decompressor would take the next one's bytes for its own, and make lines of them that nobody wrote.
        """
        if not self.begins("gzip", source):
            return False
        self._trials -= 1
        trial, ahead, left = unpacker.copy(), source.peek(_TRIAL_BYTES), _TRIAL_BYTES * 8
        is_all = len(ahead) < _TRIAL_BYTES
        try:
            while ahead and left > 0 and not trial.eof:
                left -= len(trial.decompress(ahead, OUTPUT_BYTES))
                ahead = trial.unconsumed_tail
        except zlib.error:
            return True
        return is_all and not ahead and not trial.eof


def _ends_inside(packed: Packed) -> str:
    return f"the file ends inside a {packed} frame"


def _read_to_damage(unpacker: _Inflater, piece: bytes) -> tuple[int, bytes]:
    """Return how many bytes of a damaged piece decompress, and to what."""
    taken, width, contents = 0, len(piece), list[bytes]()
    while width and taken < len(piece):
        attempt = unpacker.copy()
        try:
            contents.append(attempt.decompress(piece[taken : taken + width]))
        except zlib.error:
            width //= 2
        else:
            taken, unpacker = taken + width, attempt
    return taken, b"".join(contents)


def _read_buffered(
    unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor, packed: Packed, source: Source
) -> Iterator[bytes]:
    while not unpacker.eof:
        piece = source.peek(_SMALL_PIECE_BYTES) if unpacker.needs_input else b""
        if unpacker.needs_input and not piece:
            raise DamageError(_ends_inside(packed), is_end=True)
        try:
            content = unpacker.decompress(piece, OUTPUT_BYTES)
        except (lzma.LZMAError, OSError, ValueError) as error:
            is_large = "Memory usage limit" in str(error)
            raise DamageError("an xz dictionary of more than 2 GiB" if is_large else DAMAGED) from error
        source.take(len(piece) - len(unpacker.unused_data))
        if content:
            yield content
