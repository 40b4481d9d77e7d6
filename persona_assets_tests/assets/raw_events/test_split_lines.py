import bz2
import gzip
import io
import lzma
import subprocess
import sys
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.raw_events import split_lines as module
from persona_assets.assets.raw_events.split_lines import LineBlock, OverlongLine, ReadFailure, read_lines
from persona_assets.tables import RAW_LIMIT_BYTES


def pack_zstd(content):
    return zstandard.ZstdCompressor().compress(content)


COMPRESSORS = {"gzip": gzip.compress, "zstd": pack_zstd, "xz": lzma.compress, "bzip2": bz2.compress}
PACKERS = {"plain": lambda content: content, **COMPRESSORS}


def pieces(content):
    return list(read_lines(lambda: io.BytesIO(content), file_bytes=len(content)))


def lines_in(found):
    return [line for piece in found if isinstance(piece, LineBlock) for line in piece.body.split(b"\n")]


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), min_size=1))
def test_lines_are_read_from_files_of_any_compression(pack, lines):
    lines = [b"a plain file may not begin as another kind does", *lines]
    content = b"".join(line + b"\n" for line in lines)

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


@pytest.mark.parametrize("pack", COMPRESSORS.values(), ids=COMPRESSORS)
def test_members_may_be_concatenated_and_a_line_may_cross_them(pack):
    assert lines_in(pieces(pack(b"a\nb") + pack(b"") + pack(b"c\nd\n"))) == [b"a", b"bc", b"d"]


def test_a_skippable_zstd_frame_is_skipped():
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"

    assert lines_in(pieces(skippable + pack_zstd(b"a\n"))) == [b"a"]


def test_zeroes_after_a_gzip_member_are_padding():
    assert lines_in(pieces(gzip.compress(b"a\n") + bytes(512))) == [b"a"]


@pytest.mark.parametrize("pack", [gzip.compress, pack_zstd, lzma.compress], ids=["gzip", "zstd", "xz"])
def test_a_file_that_ends_inside_a_member_gives_the_lines_it_has(pack):
    lines = [
        zlib.crc32(bytes([number % 256, number // 256])).to_bytes(4, "big").hex().encode() for number in range(40_000)
    ]
    packed = pack(b"\n".join(lines))

    found = pieces(packed[: len(packed) * 2 // 3])

    whole = lines_in(found)
    assert len(whole) > 10_000
    assert whole == lines[: len(whole)]
    (broken,) = [piece for piece in found if isinstance(piece, ReadFailure)]
    assert "ends inside" in broken.reason
    assert lines[len(whole)].startswith(broken.head)
    assert broken.length == len(broken.head)


def test_other_bytes_after_a_gzip_member_are_unread():
    *before, last = pieces(gzip.compress(b"a\n") + b"garbage that is no member")

    assert lines_in(before) == [b"a"]
    assert last == ReadFailure("the compressed data is damaged", b"", 0, len(b"garbage that is no member"))


def test_damage_in_the_middle_gives_the_lines_before_it():
    packed = bytearray(gzip.compress(b"".join(b"%064d\n" % (number**7) for number in range(50_000))))
    packed[len(packed) // 2] ^= 0xFF

    *before, last = pieces(bytes(packed))

    assert len(lines_in(before)) > 1000
    assert last.reason.startswith("the compressed data")


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), IsADirectoryError(21, "Is a directory")])
def test_a_file_that_cannot_be_opened_is_unread(error):
    def refuse():
        raise error

    assert list(read_lines(refuse)) == [ReadFailure(f"the file can't be read: {error.strerror}", b"", 0)]


@pytest.mark.parametrize("error", [ConnectionResetError, TimeoutError])
def test_errors_of_the_network_are_raised(error):
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
    assert [piece for piece in found if isinstance(piece, OverlongLine)] == [
        OverlongLine(b"x" * RAW_LIMIT_BYTES, 3_000_000),
        OverlongLine(b"z" * RAW_LIMIT_BYTES, 100_001),
    ]


def test_a_line_in_many_small_pieces_is_joined_in_linear_time(monkeypatch):
    monkeypatch.setattr(module, "LINE_LIMIT_BYTES", 1 << 20)
    frame = pack_zstd(b"x" * 100)

    assert lines_in(pieces(frame * 5000 + pack_zstd(b"\n") + frame * 3)) == [b"x" * 500_000, b"x" * 300]
    assert pieces(frame * 20_000) == [OverlongLine(b"x" * RAW_LIMIT_BYTES, 2_000_000)]


def test_a_line_cut_off_by_damage_is_not_joined_with_the_next():
    torn = gzip.compress(b"a\nb\n" + b"".join(b"%d" % number**5 for number in range(3000)))[:-100]

    first, broken, *rest = pieces(torn + gzip.compress(b"c\nd"))

    assert (lines_in([first]), lines_in(rest)) == ([b"a", b"b"], [b"c", b"d"])
    assert broken.head.startswith(b"0132243")
    assert broken.length == len(broken.head)


class Failing(io.BytesIO):
    """A file that raises a disk error after its first four bytes."""

    def read(self, size=-1):
        if self.tell() >= 4:
            raise OSError(5, "Input/output error")
        return super().read(min(size, 4))


def test_bytes_after_a_disk_error_are_counted_as_unread():
    *before, last = read_lines(lambda: Failing(b"a\nbcdef"), file_bytes=7)

    assert lines_in(before) == [b"a"]
    assert last == ReadFailure("the file can't be read: Input/output error", b"bc", 2, 3)


BOMB = """
import io, resource, sys, time, zlib
import zstandard
from persona_assets.assets.raw_events.split_lines import read_lines

def pack(kind, size):
    packer = zlib.compressobj(1, wbits=31) if kind == "gzip" else zstandard.ZstdCompressor(level=19).compressobj()
    chunk = bytes(1 << 20)
    return b"".join([packer.compress(chunk) for _ in range(size >> 20)] + [packer.flush()])

packed = pack(sys.argv[1], 1 << 30)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(line,) = read_lines(lambda: io.BytesIO(packed))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(line.length, (after - before) * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_gib_of_zeros_in_one_line_is_counted_in_bounded_memory(kind):
    done = subprocess.run([sys.executable, "-c", BOMB, kind], capture_output=True, text=True, check=True)

    length, memory = map(int, done.stdout.split())
    assert length == 1 << 30
    assert memory < 100e6  # the line's first 16 MiB, twice, and the window of 8 MiB
