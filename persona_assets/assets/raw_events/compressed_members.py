"""Decompress one member (gzip, xz, bzip2) or frame (zstd) of a file, in pieces of bounded size.

Each reader yields the content of the member at the current position of a source, and leaves the source behind the
member. From a damaged member it yields the content before the damage, leaves the source there, and raises.
"""

import bz2
import lzma
import zlib
from collections.abc import Iterator, Mapping
from typing import Protocol

from persona_assets.assets.raw_events.byte_source import DAMAGED, WRONG_CHECKSUM, ByteSource, DamageError
from persona_assets.assets.raw_events.file_formats import GZIP, Compression
from persona_assets.assets.raw_events.zstd_frames import BLOCK_BYTES, ZstdFrameReader

# Maximum size of a decompressed piece.
OUTPUT_BYTES = 1 << 18
# Three bytes of a magic number occur by chance every 16 MiB of compressed data. These limits bound, per file, how often
# a place is probed for the start of a member, and how often a gzip member is tested for being cut off.
_MAX_PROBES, _MAX_TRIALS = 1024, 256
# Bytes that a probe decompresses: a whole zstd block, as zstd outputs nothing for a part of one.
_PROBE_BYTES = BLOCK_BYTES + 32
# A gzip member that still decompresses after this many bytes was not cut off where another magic number stands. In 450
# test cuts, the bytes of the next member decompressed for at most 48 KiB before an error.
_TRIAL_BYTES = 1 << 19
_PIECE_BYTES = 1 << 15
# Input size of xz and bzip2: all lines of a damaged piece are lost, so that it is kept small.
_SMALL_PIECE_BYTES = 1 << 12
_XZ_MEMORY_BYTES = 1 << 31


class _Inflater(Protocol):
    """The type that `zlib.decompressobj` returns, which has no public name."""

    @property
    def eof(self) -> bool: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    def copy(self) -> "_Inflater": ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class MemberReader:
    """Decompresses the members (gzip, xz, bzip2) and frames (zstd) of a file one after the other."""

    def __init__(self, dictionaries: Mapping[int, bytes]) -> None:
        """Store the zstd dictionaries, by dictionary id."""
        self._zstd = ZstdFrameReader(dictionaries)
        self._probes, self._trials = _MAX_PROBES, _MAX_TRIALS

    def read(self, compression: Compression | None, source: ByteSource) -> Iterator[bytes]:
        """Yield the decompressed content of the member at the current position of `source`.

        Args:
            compression: How the member is compressed; None if the position is not the start of a member.
            source: Ends up behind the member, or at the damage.

        Raises:
            DamageError: There is no member, the member is damaged, or the source ends inside it.
        """
        if compression is None:
            raise DamageError(DAMAGED)
        if compression == "gzip":
            return self._read_gzip(source)
        if compression == "zstd":
            return self._zstd.read(source)
        if compression == "xz":
            return _read_buffered(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES), compression, source)
        return _read_buffered(bz2.BZ2Decompressor(), compression, source)

    @property
    def can_probe(self) -> bool:
        """Whether `is_member_start` may be called again; a limit of 1,024 calls per file bounds its cost."""
        return self._probes > 0

    def is_member_start(self, compression: Compression, source: ByteSource, *, has_content: bool = False) -> bool:
        """Return whether a member starts at `source`: its first 128 KiB decompress without an error.

        Args:
            compression: How the member seems to be compressed, by its magic number.
            source: Its position does not change.
            has_content: Whether the member must also decompress to at least one byte.
        """
        self._probes -= 1
        ahead = ByteSource(iter([source.peek(_PROBE_BYTES)]))
        pieces = self._read_gzip(ahead, check_cut_off=False) if compression == "gzip" else self.read(compression, ahead)
        try:
            content = next(pieces, None)
        except DamageError as damage:
            return not has_content and (damage.is_end or damage.unread > 0)
        return content is not None or not has_content

    def _read_gzip(self, source: ByteSource, *, check_cut_off: bool = True) -> Iterator[bytes]:
        start, unpacker = source.position, zlib.decompressobj(wbits=31)
        while not unpacker.eof:
            ahead = source.peek(_PIECE_BYTES + len(GZIP) - 1)
            check_cut_off = check_cut_off and self.can_probe and self._trials > 0
            if (
                check_cut_off
                and source.position > start
                and ahead.startswith(GZIP)
                and self._is_cut_off(unpacker, source)
            ):
                raise DamageError(_truncated_reason("gzip"))
            another = ahead.find(GZIP, 1) if check_cut_off else 0
            piece = ahead[: another if another > 0 else _PIECE_BYTES]
            before = unpacker.copy()
            try:
                content = unpacker.decompress(piece, OUTPUT_BYTES)
            except zlib.error as error:
                sound, content = _read_to_damage(before, piece)
                source.consume(sound)
                if content:
                    yield content
                reason = WRONG_CHECKSUM if "incorrect" in str(error) and "check" in str(error) else DAMAGED
                raise DamageError(reason) from error
            source.consume(len(piece) - len(unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail))
            if content:
                yield content
            elif not piece and not unpacker.eof:
                raise DamageError(_truncated_reason("gzip"), is_end=True)

    def _is_cut_off(self, unpacker: _Inflater, source: ByteSource) -> bool:
        """Return whether the gzip member was cut off at `source`, where another member starts.

        The decompressor of a cut member would read the bytes of the next one, and turn them into lines nobody wrote.
        """
        if not self.is_member_start("gzip", source):
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


def _truncated_reason(compression: Compression) -> str:
    return f"the file ends inside a {compression} frame"


def _read_to_damage(unpacker: _Inflater, piece: bytes) -> tuple[int, bytes]:
    """Return the number of bytes of a damaged piece that decompress, and their content."""
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
    unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor, compression: Compression, source: ByteSource
) -> Iterator[bytes]:
    """Yield the content of an xz or bzip2 member, whose decompressors buffer their input themselves."""
    while not unpacker.eof:
        piece = source.peek(_SMALL_PIECE_BYTES) if unpacker.needs_input else b""
        if unpacker.needs_input and not piece:
            raise DamageError(_truncated_reason(compression), is_end=True)
        try:
            content = unpacker.decompress(piece, OUTPUT_BYTES)
        except (lzma.LZMAError, OSError, ValueError) as error:
            is_large = "Memory usage limit" in str(error)
            raise DamageError("an xz dictionary of more than 2 GiB" if is_large else DAMAGED) from error
        source.consume(len(piece) - len(unpacker.unused_data))
        if content:
            yield content
