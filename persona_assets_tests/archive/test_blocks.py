import struct

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.archive.blocks import decode_block
from persona_assets.errors import SegmentError
from persona_assets_tests.archive.segments import event_row, write_block
from persona_assets_tests.assets.raw_events.builders import ALICE, NOON_US, like, post

ROWS = [event_row(post("hé"), 1), event_row(like(rkey="k"), 2, indexed_us=5)]


def decode(content, **options):
    return decode_block(zstandard.compress(content), segment_name="seg.jss", block_number=3, **options)


def test_columns_are_those_that_were_written():
    block = decode(write_block(ROWS), expected_events=2)

    assert (block.seqs.tolist(), block.kinds.tolist()) == ([1, 2], [1, 1])
    assert block.times_us.tolist() == [NOON_US, 5]
    assert block.dids.to_strings().to_pylist() == [ALICE, ALICE]
    assert [block.payloads[row] for row in (0, 1)] == [row["payload"] for row in ROWS]
    assert block.rkeys[1] == b"k"
    assert block.payloads.lengths.tolist() == [len(row["payload"]) for row in ROWS]
    assert block.size == len(write_block(ROWS))


def test_bytes_beyond_ascii_are_counted():
    rows = [ROWS[0] | {"payload": payload} for payload in (b"a", b"", b"\x80a\xff", b"\x7f")]

    assert decode(write_block(rows)).payloads.count_beyond_ascii().tolist() == [0, 0, 2, 0]


def test_names_that_are_not_utf8_are_no_strings():
    block = decode(write_block([ROWS[0] | {"rkey": b"\xff"}, ROWS[1]]))

    assert block.rkeys.to_strings() is None
    assert block.dids.to_strings() is not None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "number of events"),
        (b"\1\0\0", "number of events"),
        (struct.pack("<I", 2**32 - 1), "number of events"),
        (write_block(ROWS)[:-1], "do not fill"),
        (write_block(ROWS) + b"a", "do not fill"),
        (struct.pack("<I", 1) + b"\xff" * 34, "do not fill"),
    ],
)
def test_columns_that_do_not_fill_the_block_are_refused(content, reason):
    with pytest.raises(SegmentError, match=f"seg.jss, block 3: .*{reason}"):
        decode(content)


def test_a_number_of_events_that_differs_from_the_index_is_refused():
    with pytest.raises(SegmentError, match="number of events"):
        decode(write_block(ROWS), expected_events=3)


@pytest.mark.parametrize("frame", [b"", b"abc", zstandard.compress(b"a" * 50)[:-1], zstandard.compress(b"a") + b"rest"])
def test_damaged_frames_are_refused(frame):
    with pytest.raises(SegmentError, match="block 0: a block is damaged"):
        decode_block(frame, segment_name="seg.jss", block_number=0)


def test_what_a_frame_expands_to_is_bounded():
    bomb = zstandard.compress(bytes(1 << 26))
    undeclared = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 26))

    for frame in (bomb, undeclared):
        with pytest.raises(SegmentError, match="block 0: a block is (too large|damaged)"):
            decode_block(frame, segment_name="seg.jss", block_number=0, max_bytes=1 << 20)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_any_content_is_a_block_or_an_error(noise, count):
    try:
        block = decode(struct.pack("<I", count) + noise)
    except SegmentError:
        return
    assert len(block.seqs) == count
    assert np.diff(block.payloads.ends).min(initial=0) >= 0
