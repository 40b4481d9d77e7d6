"""Turn a file's bytes into those of its lines: decompress, go on behind damage, transcode."""

import codecs
from collections.abc import Iterator, Mapping

from persona_assets.assets.raw_events.byte_source import DamageError, Gap, Source, gather
from persona_assets.assets.raw_events.compressed_members import MemberReader
from persona_assets.assets.raw_events.file_formats import (
    HEAD_BYTES,
    MEMBER_START,
    MEMBER_START_BYTES,
    is_text,
    name_compression,
    name_encoding,
    name_refused,
)

# A file may be compressed so many times over.
_MOST_LAYERS = 3
# A file whose first bytes are damaged is searched so far for a member.
_SEARCHED_BYTES = 1 << 20


def decompress(blocks: Iterator[bytes | Gap], *, size: int, dictionaries: Mapping[int, bytes]) -> Iterator[bytes | Gap]:
    """Yield the text of a file, whatever it is compressed with and however many times, in order.

    Args:
        blocks: The file's bytes.
        size: Of the file: the bytes that were not read when it is of a kind that is not read, and the most that gaps
            skip together.
        dictionaries: zstd dictionaries by id.

    Yields:
        Pieces of at most 256 KiB, or as they came, and gaps. What comes after a gap is the text of another member.
    """
    left = size
    for piece in _read_layer(Source(blocks), size, dictionaries, 0):
        if isinstance(piece, Gap):
            # A layer that is not read counts as the whole file, of which others have counted parts; and the gaps of an
            # inner layer are as long as what the outer one expands to.
            skipped = min(piece.skipped, left)
            left -= skipped
            yield Gap(piece.reason, skipped)
        else:
            yield piece


def _read_layer(source: Source, size: int, dictionaries: Mapping[int, bytes], depth: int) -> Iterator[bytes | Gap]:
    while not (head := source.peek(HEAD_BYTES)):
        gap = source.next_gap()
        if gap is None:
            return
        yield gap
    members = _Members(source, dictionaries)
    encoding = None if is_text(head) else name_encoding(head)
    if name_compression(head):
        yield from _read_packed(members, size, dictionaries, depth)
    elif is_text(head):
        yield from source.rest()
    elif encoding == "utf-32":
        yield Gap("text in UTF-32", size)
    elif encoding:
        yield from _transcode(source.rest(), encoding)
    elif refused := name_refused(head):
        yield Gap(refused, size)
    elif members.find_lost_start():
        yield from _read_packed(members, size, dictionaries, depth)
    else:
        yield from source.rest()


def _read_packed(
    members: "_Members", size: int, dictionaries: Mapping[int, bytes], depth: int
) -> Iterator[bytes | Gap]:
    if depth == _MOST_LAYERS:
        yield Gap(f"compressed more than {_MOST_LAYERS} times", size)
    else:
        yield from _read_layer(Source(gather(members.read())), size, dictionaries, depth + 1)


def _transcode(pieces: Iterator[bytes | Gap], encoding: str) -> Iterator[bytes | Gap]:
    """Turn UTF-16 into UTF-8; half a pair of surrogates makes its line no UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    is_first = True
    for piece in pieces:
        if isinstance(piece, Gap):
            decoder.reset()
            yield piece
            continue
        text = decoder.decode(piece)
        yield (text.removeprefix("\ufeff") if is_first else text).encode(errors="surrogatepass")
        is_first = is_first and not text
    if decoder.getstate()[0]:
        yield Gap("the file ends inside a character of UTF-16", len(decoder.getstate()[0]))


class _Members:
    """The members and frames of one layer, one after the other."""

    def __init__(self, source: Source, dictionaries: Mapping[int, bytes]) -> None:
        self._source = source
        self._reader = MemberReader(dictionaries)

    def find_lost_start(self) -> bool:
        """Tell whether a member follows soon: the first bytes, which are no text, may be a damaged one."""
        return self._find_next(Source(iter([self._source.peek(_SEARCHED_BYTES)])), has_content=True)

    def read(self) -> Iterator[bytes | Gap]:
        """Yield what the members hold, and one gap where several of a kind follow one another."""
        gap: Gap | None = None
        for piece in self._read_each():
            if isinstance(piece, Gap) and gap is not None and gap.reason == piece.reason:
                gap = Gap(gap.reason, gap.skipped + piece.skipped)
                continue
            if gap is not None:
                yield gap
            gap = piece if isinstance(piece, Gap) else None
            if isinstance(piece, bytes):
                yield piece
        if gap is not None:
            yield gap

    def _read_each(self) -> Iterator[bytes | Gap]:
        while self._source.peek(1):
            yield from self._read_member()
        while (gap := self._source.next_gap()) is not None:
            yield Gap(gap.reason, gap.skipped + self._go_on())
            while self._source.peek(1):
                yield from self._read_member()

    def _read_member(self) -> Iterator[bytes | Gap]:
        source, start, is_empty = self._source, self._source.place, True
        try:
            for piece in self._reader.read(name_compression(source.peek(HEAD_BYTES)), source):
                yield piece
                is_empty = False
        except DamageError as damage:
            yield self._pass_by(damage, start, is_empty=is_empty)
        else:
            # Zero bytes after a member are padding (tape blocks), as gzip(1) reads it.
            source.skip_zeros()

    def _pass_by(self, damage: DamageError, start: int, *, is_empty: bool) -> Gap:
        """Go to the next member, and return what was not read: all of a member that nothing came out of."""
        source, reason = self._source, damage.reason
        if damage.unread:
            return Gap(reason, damage.unread)
        skipped = source.place - start if is_empty else 0
        if source.place == start:
            source.take(1)
            skipped = 1
        skipped += self._go_on()
        gap = source.next_gap() if damage.is_end and not source.peek(1) else None
        if gap is not None:  # the stream breaks off here, and the member only for that
            reason, skipped = gap.reason, skipped + gap.skipped + self._go_on()
        return Gap(reason, skipped)

    def _go_on(self) -> int:
        """Go to the next member before a gap or the end; return the number of bytes passed by."""
        start = self._source.place
        self._find_next(self._source)
        return self._source.place - start

    def _find_next(self, source: Source, *, has_content: bool = False) -> bool:
        """Go to the next member, a gap or the end: to one of these when too many places looked like a member."""
        while self._reader.may_probe and source.skip_to(MEMBER_START, MEMBER_START_BYTES):
            packed = name_compression(source.peek(HEAD_BYTES))
            if packed is not None and self._reader.begins(packed, source, has_content=has_content):
                return True
            source.take(1)
        source.drop()
        return False
