import re

import pytest

from persona_assets.assets.raw_events.byte_source import BLOCK_BYTES, ByteSource, ReadGap, merge_small_pieces

GAP = ReadGap("torn", 5)


def source(*blocks):
    return ByteSource(iter(blocks))


def test_peeking_does_not_consume():
    ahead = source(b"ab", b"cd")

    assert (ahead.peek(3), ahead.position) == (b"abc", 0)
    ahead.consume(2)
    assert (ahead.peek(9), ahead.position) == (b"cd", 2)


def test_peeking_stops_at_a_gap_until_it_is_popped():
    ahead = source(b"ab", GAP, b"cd")

    assert ahead.peek(4) == b"ab"
    ahead.consume(2)
    assert ahead.peek(1) == b""
    assert ahead.pop_gap() == GAP
    assert ahead.peek(4) == b"cd"
    ahead.consume(2)
    assert ahead.peek(1) == b""
    assert ahead.pop_gap() is None


@pytest.mark.parametrize("blocks", [(b"xxabyy",), (b"xxa", b"byy"), (b"x", b"x", b"a", b"b", b"yy")])
def test_a_magic_number_is_found_across_blocks(blocks):
    ahead = source(*blocks)

    assert ahead.skip_to_match_before_gap(re.compile(b"none|ab"), 4)
    assert (ahead.position, ahead.peek(9)) == (2, b"abyy")


def test_without_a_magic_number_everything_before_a_gap_is_skipped():
    ahead = source(b"xx", b"yy", GAP, b"ab")

    assert not ahead.skip_to_match_before_gap(re.compile(b"ab"), 2)
    assert (ahead.position, ahead.pop_gap()) == (4, GAP)


def test_bytes_are_skipped_whether_or_not_they_were_peeked_at():
    ahead = source(b"abc", b"def")

    assert ahead.skip(4)
    assert ahead.peek(9) == b"ef"
    assert not ahead.skip(3)
    assert ahead.position == 6


def test_zeros_are_skipped_across_blocks():
    ahead = source(bytes(3), bytes(2) + b"a\0")

    ahead.skip_zeros()

    assert (ahead.position, ahead.peek(9)) == (5, b"a\0")


def test_the_rest_is_everything_not_consumed_with_its_gaps():
    ahead = source(b"ab", GAP, b"cd", GAP)
    ahead.peek(5)
    ahead.consume(1)

    assert list(ahead.iterate_rest()) == [b"b", GAP, b"cd", GAP]


def test_small_pieces_are_joined_up_to_a_gap_or_the_end():
    half = bytes(BLOCK_BYTES // 2)

    assert list(merge_small_pieces(iter([b"a", b"b", GAP, GAP, half, half, b"c"]))) == [
        b"ab",
        GAP,
        GAP,
        half + half,
        b"c",
    ]
    assert list(merge_small_pieces(iter([]))) == []
