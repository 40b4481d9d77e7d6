"""Decompress a file to UTF-8 text: detect its compression, continue behind damage, convert UTF-16."""

import codecs
from collections.abc import Iterator, Mapping

from persona_assets.assets.raw_events.byte_source import ByteSource, DamageError, ReadGap, merge_small_pieces
from persona_assets.assets.raw_events.compressed_members import MemberReader
from persona_assets.assets.raw_events.file_formats import (
    HEAD_BYTES,
    MAX_MEMBER_START_BYTES,
    MEMBER_START,
    detect_compression,
    detect_encoding,
    detect_unsupported_format,
    looks_like_utf8,
)

# Maximum number of nested compressions, such as gzip within xz.
_MAX_LAYERS = 3
# How far a file with damaged first bytes is searched for the start of a member.
_SEARCHED_BYTES = 1 << 20


def decompress(
    blocks: Iterator[bytes | ReadGap], *, file_bytes: int, dictionaries: Mapping[int, bytes]
) -> Iterator[bytes | ReadGap]:
    """Yield the decompressed UTF-8 text of a file in order, with a `ReadGap` wherever bytes could not be read.

    The first bytes decide whether and how the file is compressed; it may be compressed up to three times.

    Args:
        blocks: The file's bytes.
        file_bytes: Size of the file in bytes. A file of an unsupported format is one gap of this size, and the gaps of
            a file together are never larger.
        dictionaries: zstd dictionaries, by dictionary id.

    Yields:
        Text in pieces of at most 256 KiB (plain text: in the given blocks), and gaps. The text after a gap does not
        continue the line before it.
    """
    left = file_bytes
    for piece in _read_layer(ByteSource(blocks), file_bytes, dictionaries, 0):
        if isinstance(piece, ReadGap):
            # Limit the sum: an unsupported inner format counts as the whole file, parts of which other gaps may have
            # counted, and a gap of an inner layer is measured in decompressed bytes.
            skipped = min(piece.skipped, left)
            left -= skipped
            yield ReadGap(piece.reason, skipped)
        else:
            yield piece


def _read_layer(
    source: ByteSource, size: int, dictionaries: Mapping[int, bytes], depth: int
) -> Iterator[bytes | ReadGap]:
    """Yield the text of a stream that is compressed `depth` times less than the file."""
    while not (head := source.peek(HEAD_BYTES)):
        gap = source.pop_gap()
        if gap is None:
            return
        yield gap
    members = _MemberSequence(source, dictionaries)
    encoding = None if looks_like_utf8(head) else detect_encoding(head)
    if detect_compression(head):
        yield from _read_packed(members, size, dictionaries, depth)
    elif looks_like_utf8(head):
        yield from source.iterate_rest()
    elif encoding == "utf-32":
        yield ReadGap("text in UTF-32", size)
    elif encoding:
        yield from _transcode(source.iterate_rest(), encoding)
    elif refused := detect_unsupported_format(head):
        yield ReadGap(refused, size)
    elif members.has_later_member():
        yield from _read_packed(members, size, dictionaries, depth)
    else:
        yield from source.iterate_rest()


def _read_packed(
    members: "_MemberSequence", size: int, dictionaries: Mapping[int, bytes], depth: int
) -> Iterator[bytes | ReadGap]:
    if depth == _MAX_LAYERS:
        yield ReadGap(f"compressed more than {_MAX_LAYERS} times", size)
    else:
        yield from _read_layer(ByteSource(merge_small_pieces(members.read())), size, dictionaries, depth + 1)


def _transcode(pieces: Iterator[bytes | ReadGap], encoding: str) -> Iterator[bytes | ReadGap]:
    """Convert UTF-16 to UTF-8; an unpaired surrogate becomes bytes that are not valid UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    is_first = True
    for piece in pieces:
        if isinstance(piece, ReadGap):
            decoder.reset()
            yield piece
            continue
        text = decoder.decode(piece)
        yield (text.removeprefix("\ufeff") if is_first else text).encode(errors="surrogatepass")
        is_first = is_first and not text
    if decoder.getstate()[0]:
        yield ReadGap("the file ends inside a character of UTF-16", len(decoder.getstate()[0]))


class _MemberSequence:
    """Reads all members and frames of one compressed stream, continuing behind damage."""

    def __init__(self, source: ByteSource, dictionaries: Mapping[int, bytes]) -> None:
        self._source = source
        self._reader = MemberReader(dictionaries)

    def has_later_member(self) -> bool:
        """Return whether a member starts within the next 1 MiB: the first bytes may be those of a damaged member."""
        return self._seek_member(ByteSource(iter([self._source.peek(_SEARCHED_BYTES)])), has_content=True)

    def read(self) -> Iterator[bytes | ReadGap]:
        """Yield the content of all members, with adjacent gaps of the same reason merged into one."""
        gap: ReadGap | None = None
        for piece in self._read_members():
            if isinstance(piece, ReadGap) and gap is not None and gap.reason == piece.reason:
                gap = ReadGap(gap.reason, gap.skipped + piece.skipped)
                continue
            if gap is not None:
                yield gap
            gap = piece if isinstance(piece, ReadGap) else None
            if isinstance(piece, bytes):
                yield piece
        if gap is not None:
            yield gap

    def _read_members(self) -> Iterator[bytes | ReadGap]:
        while self._source.peek(1):
            yield from self._read_member()
        while (gap := self._source.pop_gap()) is not None:
            yield ReadGap(gap.reason, gap.skipped + self._skip_to_next_member())
            while self._source.peek(1):
                yield from self._read_member()

    def _read_member(self) -> Iterator[bytes | ReadGap]:
        source, start, is_empty = self._source, self._source.position, True
        try:
            for piece in self._reader.read(detect_compression(source.peek(HEAD_BYTES)), source):
                yield piece
                is_empty = False
        except DamageError as damage:
            yield self._skip_damage(damage, start, is_empty=is_empty)
        else:
            # Zero bytes after a member are padding (tape blocks), as gzip(1) reads it.
            source.skip_zeros()

    def _skip_damage(self, damage: DamageError, start: int, *, is_empty: bool) -> ReadGap:
        """Move to the next member, and return the gap: a whole member, if nothing of it could be decompressed."""
        source, reason = self._source, damage.reason
        if damage.unread:
            return ReadGap(reason, damage.unread)
        skipped = source.position - start if is_empty else 0
        if source.position == start:
            source.consume(1)
            skipped = 1
        skipped += self._skip_to_next_member()
        gap = source.pop_gap() if damage.is_end and not source.peek(1) else None
        if gap is not None:  # the stream has a gap here, which is the member's only fault
            reason, skipped = gap.reason, skipped + gap.skipped + self._skip_to_next_member()
        return ReadGap(reason, skipped)

    def _skip_to_next_member(self) -> int:
        """Move to the next member, gap or end, and return the number of bytes skipped."""
        start = self._source.position
        self._seek_member(self._source)
        return self._source.position - start

    def _seek_member(self, source: ByteSource, *, has_content: bool = False) -> bool:
        """Move to the next member, and return whether there is one; else move to the next gap or the end.

        Once all probes are used, members are no longer searched for.
        """
        while self._reader.can_probe and source.skip_to_match_before_gap(MEMBER_START, MAX_MEMBER_START_BYTES):
            compression = detect_compression(source.peek(HEAD_BYTES))
            if compression is not None and self._reader.is_member_start(compression, source, has_content=has_content):
                return True
            source.consume(1)
        source.skip()
        return False
