import gzip
import io
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.raw_events import lines as module
from persona_assets.raw_events.lines import Broken, Lines, Overlong, read_lines
from persona_assets.tables import RAW_LIMIT_BYTES


def pack_zstd(content):
    return zstandard.ZstdCompressor().compress(content)


PACKERS = {"plain": lambda content: content, "gzip": gzip.compress, "zstd": pack_zstd}


def pieces(content):
    return list(read_lines(lambda: io.BytesIO(content)))


def lines_in(found):
    return [line for piece in found if isinstance(piece, Lines) for line in piece.body.split(b"\n")]


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@settings(deadline=None)
@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), min_size=1))
def test_lines_come_back_whatever_the_file_is_packed_with(pack, lines):
    content = b"".join(line + b"\n" for line in lines)
    if content.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")) or content[1:4] == b"\x2a\x4d\x18":
        return  # a plain file that says that it is packed

    assert lines_in(pieces(pack(content))) == lines


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_a_last_line_needs_no_line_end(pack):
    assert lines_in(pieces(pack(b"a\nb"))) == [b"a", b"b"]


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_lines_that_cross_blocks_stay_whole(pack):
    lines = [bytes([65 + number % 26]) * (number * 997 % 5000) for number in range(2000)]

    assert lines_in(pieces(pack(b"\n".join(lines)))) == lines


def test_an_empty_file_has_no_lines():
    assert pieces(b"") == []


@pytest.mark.parametrize("pack", [gzip.compress, pack_zstd], ids=["gzip", "zstd"])
def test_members_may_be_concatenated_and_a_line_may_cross_them(pack):
    assert lines_in(pieces(pack(b"a\nb") + pack(b"") + pack(b"c\nd\n"))) == [b"a", b"bc", b"d"]


def test_zstd_may_begin_with_a_frame_to_skip():
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"

    assert lines_in(pieces(skippable + pack_zstd(b"a\n"))) == [b"a"]


def test_zeroes_after_a_gzip_member_are_padding():
    assert lines_in(pieces(gzip.compress(b"a\n") + bytes(512))) == [b"a"]


@pytest.mark.parametrize("pack", [gzip.compress, pack_zstd], ids=["gzip", "zstd"])
def test_a_file_that_ends_inside_a_member_gives_the_lines_it_has(pack):
    lines = [
        zlib.crc32(bytes([number % 256, number // 256])).to_bytes(4, "big").hex().encode() for number in range(40_000)
    ]
    packed = pack(b"\n".join(lines))

    found = pieces(packed[: len(packed) * 2 // 3])

    whole = lines_in(found)
    assert len(whole) > 10_000
    assert whole == lines[: len(whole)]
    (broken,) = [piece for piece in found if isinstance(piece, Broken)]
    assert "ends inside" in broken.reason
    assert lines[len(whole)].startswith(broken.head)
    assert broken.length == len(broken.head)


def test_what_follows_a_gzip_member_and_is_none_breaks_the_file_off():
    *before, last = pieces(gzip.compress(b"a\n") + b"garbage that is no member")

    assert lines_in(before) == [b"a"]
    assert last == Broken("the compressed data is damaged", b"", 0)


def test_damage_in_the_middle_gives_the_lines_before_it():
    packed = bytearray(gzip.compress(b"".join(b"%064d\n" % (number**7) for number in range(50_000))))
    packed[len(packed) // 2] ^= 0xFF

    *before, last = pieces(bytes(packed))

    assert len(lines_in(before)) > 1000
    assert last.reason == "the compressed data is damaged"


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), IsADirectoryError(21, "Is a directory")])
def test_a_file_that_cannot_be_opened_is_broken(error):
    def refuse():
        raise error

    assert list(read_lines(refuse)) == [Broken(f"the file can't be read: {error.strerror}", b"", 0)]


@pytest.mark.parametrize("error", [ConnectionResetError, TimeoutError])
def test_a_network_that_fails_is_not_the_files_fault(error):
    def open_file():
        raise error

    with pytest.raises(error):
        list(read_lines(open_file))


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_an_overlong_line_keeps_its_head_and_its_length(pack, monkeypatch):
    monkeypatch.setattr(module, "LINE_LIMIT_BYTES", 100_000)
    content = b"a\n" + b"x" * 3_000_000 + b"\nb\n" + b"y" * 100_000 + b"\n" + b"z" * 100_001

    found = pieces(pack(content))

    assert lines_in(found) == [b"a", b"b", b"y" * 100_000]
    assert [piece for piece in found if isinstance(piece, Overlong)] == [
        Overlong(b"x" * RAW_LIMIT_BYTES, 3_000_000),
        Overlong(b"z" * RAW_LIMIT_BYTES, 100_001),
    ]
