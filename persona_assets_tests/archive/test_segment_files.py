import io
import struct

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.archive.blocks import decode_block
from persona_assets.archive.segment_files import read_block_frame, read_segment_index
from persona_assets.errors import SegmentError
from persona_assets_tests.archive.segments import checksum_of, event_row, in_blocks, write_segment
from persona_assets_tests.assets.raw_events.builders import NOON_US, like

SEGMENT = write_segment(in_blocks([event_row(like(time_us=NOON_US + seq), seq) for seq in range(1, 11)], 4))
FOOTER_AT = struct.unpack_from("<Q", SEGMENT, 58)[0]


def read(content):
    return read_segment_index(io.BytesIO(content), file_bytes=len(content), name="seg.jss")


def read_events(content):
    """Read all that a segment holds."""
    file = io.BytesIO(content)
    seqs = []
    for number, entry in enumerate(read(content).blocks):
        frame = read_block_frame(file, entry, name="seg.jss", number=number)
        seqs += decode_block(
            frame,
            segment_name="seg.jss",
            block_number=number,
            max_bytes=entry.uncompressed_bytes,
            expected_events=entry.events,
        ).seqs.tolist()
    return seqs


def sealed(content):
    """Give a changed segment the checksum that fits."""
    footer_at = struct.unpack_from("<Q", content, 58)[0]
    state = xxhash.xxh3_64(content[12:256])
    state.update(content[footer_at:])
    return content[:4] + struct.pack("<Q", state.intdigest()) + content[12:]


def changed(at, form, value, *, content=SEGMENT):
    return sealed(content[:at] + struct.pack(form, value) + content[at + struct.calcsize(form) :])


def test_a_segment_says_what_it_holds():
    found = read(SEGMENT)

    assert (found.checksum, found.events, found.min_seq, found.max_seq) == (checksum_of(SEGMENT), 10, 1, 10)
    assert (found.min_witnessed_us, found.max_witnessed_us) == (NOON_US + 1, NOON_US + 10)
    assert [(entry.events, entry.min_seq, entry.max_seq) for entry in found.blocks] == [
        (4, 1, 4),
        (4, 5, 8),
        (2, 9, 10),
    ]
    assert read_events(SEGMENT) == list(range(1, 11))


def test_a_segment_without_events_is_whole():
    assert read_events(write_segment([])) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a segment"),
        (b"jss1" + SEGMENT[4:], "not a segment"),
        (SEGMENT[:100], "ends too early"),
        (SEGMENT[: FOOTER_AT - 1], "ends too early"),
        (SEGMENT[:-1], "does not match its checksum"),
        (SEGMENT[: FOOTER_AT + 100], "contradicts its size"),
        (SEGMENT[:4] + bytes(8) + SEGMENT[12:], "not sealed"),
        (changed(12, "<H", 2), "unknown version"),
        (changed(14, "<I", 2**31), "contradicts its size"),
        (changed(14, "<I", 4), "contradicts its size"),
        (changed(14, "<I", 2), "index of the segment is wrong"),
        (changed(18, "<I", 11), "index of the segment is wrong"),
        (SEGMENT[:58] + struct.pack("<Q", 2**63) + SEGMENT[66:], "ends too early"),
        (SEGMENT[:58] + struct.pack("<Q", 10) + SEGMENT[66:], "contradicts its size"),
        (SEGMENT[:90] + struct.pack("<Q", 2**63) + SEGMENT[98:], "contradicts its size"),
        (changed(FOOTER_AT, "<Q", 257), "block 0: the index of the segment is wrong"),
        (changed(FOOTER_AT + 8, "<I", 2**31), "block 1: the index of the segment is wrong"),
        (changed(FOOTER_AT + 12, "<I", 2**31), "block 0: the index of the segment is wrong"),
        (SEGMENT[:-1] + bytes([SEGMENT[-1] ^ 1]), "does not match its checksum"),
        (SEGMENT[:200] + b"\1" + SEGMENT[201:], "does not match its checksum"),
    ],
)
def test_damage_of_header_and_index_is_named(content, reason):
    with pytest.raises(SegmentError, match=reason) as found:
        read(content)

    assert str(found.value).startswith("seg.jss")
    assert found.value.reason in str(found.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (SEGMENT[:256] + bytes([SEGMENT[256] ^ 1]) + SEGMENT[257:], "block 0: the length of a block"),
        (SEGMENT[:300] + bytes([SEGMENT[300] ^ 1]) + SEGMENT[301:], "block 0: a block is damaged"),
        (changed(FOOTER_AT + 12, "<I", 20), "block 0: a block is too large"),
        (changed(FOOTER_AT + 16, "<I", 3, content=changed(FOOTER_AT + 16 + 52, "<I", 5)), "block 0: the number of ev"),
    ],
)
def test_damage_of_a_block_is_named(content, reason):
    with pytest.raises(SegmentError, match=reason):
        read_events(content)


class Dribble(io.BytesIO):
    """A file that returns less than it is asked for, as an unbuffered one may."""

    def read(self, size=-1):
        return super().read(min(size, 7) if size > 0 else size)


def test_a_file_may_return_less_than_it_is_asked_for():
    file = Dribble(SEGMENT)
    (entry, *_) = read_segment_index(file, file_bytes=len(SEGMENT), name="seg.jss").blocks

    assert len(read_block_frame(file, entry, name="seg.jss", number=0)) == entry.compressed_bytes


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_damage_is_an_error_or_changes_nothing(data):
    content = bytearray(SEGMENT)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    if data.draw(st.booleans()) and len(content) >= 256:
        content = sealed(content)  # by someone who knows the format

    try:
        found = read_events(content)
    except SegmentError:
        return
    assert len(found) == read(content).events
