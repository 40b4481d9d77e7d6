import bz2
import gzip
import lzma
import os
import time

import pytest
import zstandard

from persona_assets.assets.raw_events import decompress as module
from persona_assets.assets.raw_events.byte_source import ReadGap
from persona_assets.assets.raw_events.decompress import decompress

COMPRESSORS = {"gzip": gzip.compress, "zstd": zstandard.compress, "xz": lzma.compress, "bzip2": bz2.compress}
each_compressor = pytest.mark.parametrize("pack", COMPRESSORS.values(), ids=COMPRESSORS)
A, B, C = (b"".join(b"%s %d\n" % (name, number**5) for number in range(3000)) for name in (b"a", b"b", b"c"))


def unpacked(*blocks, **options):
    """Return the decompressed text, with `<gap>` for each gap, and the gaps."""
    size = sum(len(block) for block in blocks if isinstance(block, bytes))
    found = list(decompress(iter(blocks), **{"file_bytes": size, "dictionaries": {}, **options}))
    return (
        b"".join(piece if isinstance(piece, bytes) else b"<gap>" for piece in found),
        [piece for piece in found if isinstance(piece, ReadGap)],
    )


@pytest.mark.parametrize("size", [1, 7, 100_000])
@each_compressor
def test_blocks_may_be_of_any_size(pack, size):
    packed = pack(A[:3000]) + pack(B[:3000])

    assert unpacked(*(packed[at : at + size] for at in range(0, len(packed), size))) == (A[:3000] + B[:3000], [])


@pytest.mark.parametrize("inner", COMPRESSORS.values(), ids=COMPRESSORS)
@pytest.mark.parametrize("outer", COMPRESSORS.values(), ids=COMPRESSORS)
def test_a_file_may_be_compressed_twice(outer, inner):
    assert unpacked(outer(inner(A) + inner(B))) == (A + B, [])


def test_nested_compression_is_limited_to_three_layers():
    packed = A
    for _ in range(3):
        packed = gzip.compress(packed)

    assert unpacked(packed) == (A, [])
    assert unpacked(gzip.compress(packed), file_bytes=77) == (b"<gap>", [ReadGap("compressed more than 3 times", 77)])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("pack", [lambda text: text, gzip.compress])
def test_utf16_becomes_utf8_with_and_without_a_byte_order_mark(encoding, pack):
    text = '{"text":"hé 😀"}\r\n' * 3

    assert unpacked(*(bytes([byte]) for byte in pack(text.encode(encoding)))) == (text.encode(), [])


def test_an_unpaired_surrogate_affects_only_its_own_line():
    text, gaps = unpacked('{"a":"\ud83d"}\n{"b":1}\n'.encode("utf-16", errors="surrogatepass") + b"\0")

    assert text.split(b"\n")[1:] == [b'{"b":1}', b"<gap>"]
    assert gaps == [ReadGap("the file ends inside a character of UTF-16", 1)]


@pytest.mark.parametrize("pack", [lambda text: text, gzip.compress])
def test_a_file_of_an_unsupported_format_is_one_gap_of_its_whole_size(pack):
    assert unpacked(pack(b"PK\x03\x04\x14\0\0\0" + A), file_bytes=123) == (b"<gap>", [ReadGap("a zip archive", 123)])


@pytest.mark.parametrize(
    "packed",
    [
        b"\xff" + gzip.compress(A[:1000])[1:] + gzip.compress("text".encode("utf-32")),
        gzip.compress(b"\xff" + gzip.compress(A)[1:] + gzip.compress(b"PK\x03\x04\xff")),
        gzip.compress(gzip.compress(b"a\n") + b"\xff" * 1_000_000),
    ],
    ids=["UTF-32", "zip", "inner"],
)
def test_gaps_are_never_larger_than_the_file(packed):
    _, gaps = unpacked(packed)

    assert 0 < sum(gap.skipped for gap in gaps) <= len(packed)


@each_compressor
def test_after_damage_the_next_member_is_read(pack):
    damaged = bytearray(pack(B))
    damaged[-60:-20] = b"\xff" * 40

    text, (gap,) = unpacked(pack(A) + bytes(damaged) + pack(C))

    assert text.startswith(A)
    assert text.endswith(b"<gap>" + C)
    assert gap.skipped <= len(damaged)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("cut", [1, 3, 5, 9, 17, 100, 5000, -9, -5, -2])
def test_a_member_cut_off_anywhere_loses_no_line_of_the_next_member(pack, cut):
    text, (gap,) = unpacked(pack(A) + pack(B)[:cut] + pack(C))

    before, after = text.removeprefix(A).split(b"<gap>")
    assert B.startswith(before)
    assert after == C
    assert gap.skipped < 131_100


def test_members_of_different_compressions_may_be_concatenated():
    assert unpacked(gzip.compress(A) + zstandard.compress(B) + lzma.compress(C)) == (A + B + C, [])


def test_other_bytes_between_members_are_counted_as_unread():
    assert unpacked(gzip.compress(A) + b"garbage" + gzip.compress(B)) == (
        A + b"<gap>" + B,
        [ReadGap("the compressed data is damaged", 7)],
    )


@each_compressor
@pytest.mark.parametrize("hole", [1, 1000])
def test_a_file_whose_first_bytes_are_damaged_is_read_from_the_next_member(pack, hole):
    text, gaps = unpacked(b"\xff" + bytes(hole - 1) + pack(A)[hole:] + pack(B))

    assert text.endswith(b"<gap>" + B)
    assert sum(gap.skipped for gap in gaps) <= len(pack(A))


def test_a_plain_file_with_an_invalid_byte_is_read_as_plain_text():
    content = b"\xff\n" + b"a\n" * 10 + b"\x1f\x8b\x08\n"

    assert unpacked(content) == (content, [])


def test_a_gap_in_the_stream_is_reported_once_and_reading_continues_behind_it():
    packed = gzip.compress(A)
    text, gaps = unpacked(packed[:5000], ReadGap("torn", 3), packed[5003:], gzip.compress(B))

    before, after = text.split(b"<gap>", 1)
    assert A.startswith(before)
    assert after.endswith(B)
    assert gaps[0].reason == "torn"
    assert gaps[0].skipped == 3 + len(packed) - 5003


def test_damage_in_the_outer_of_two_compressions_loses_a_part_of_the_inner():
    inner = gzip.compress(A) + gzip.compress(B)
    at = len(gzip.compress(A)) - 100
    text, gaps = unpacked(gzip.compress(inner[:at]) + b"x" + gzip.compress(inner[at + 50 :]))

    assert text.endswith(B)
    assert A.startswith(text.split(b"<gap>")[0])
    assert len(gaps) == 1


def test_consecutive_frames_without_their_dictionary_are_one_gap():
    dictionary = zstandard.ZstdCompressionDict(
        zstandard.train_dictionary(1024, [b"%d some sample %d" % (n, n**3) for n in range(300)], dict_id=7).as_bytes()
    )
    frames = [zstandard.ZstdCompressor(dict_data=dictionary).compress(b"line %d\n" % number) for number in range(9000)]
    packed = b"".join(frames)

    lacking = ReadGap("a zstd dictionary is missing", len(packed))
    assert unpacked(zstandard.compress(A) + packed + zstandard.compress(B)) == (A + b"<gap>" + B, [lacking])
    assert unpacked(packed, dictionaries={7: dictionary.as_bytes()})[0].count(b"line") == 9000


GZIP_HEADER = b"\x1f\x8b\x08\0" + bytes(6)
HOSTILE = {
    "gzip magics": b"\x1f\x8b\x08",
    "gzip headers": GZIP_HEADER,
    "gzip headers with names": b"\x1f\x8b\x08\x08" + bytes(6) + b"x",
    "gzip members in one another": GZIP_HEADER + b"\0\xff\xff\0\0",
    "zstd magics": b"\x28\xb5\x2f\xfd",
    "xz magics": b"\xfd7zXZ\0",
    "bzip2 magics": b"BZh91AY&SY",
}


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_a_file_of_magic_numbers_is_read_in_linear_time(unit, stored):
    seconds = []
    for size in (1 << 19, 1 << 22):
        content = unit * (size // len(unit))
        start = time.process_time()
        content = gzip.compress(content, compresslevel=0) if stored else content
        _, gaps = unpacked(*(content[at : at + 131_072] for at in range(0, len(content), 131_072)))
        seconds.append(time.process_time() - start)

    assert gaps
    # Eight times the bytes: sixty times as long if it were quadratic. Probing takes two seconds at most.
    assert seconds[1] < 5 + 8 * seconds[0]


def test_the_letters_of_bzip2_alone_are_not_probed():
    start = time.process_time()
    unpacked(gzip.compress(b"\x1f\x8b\x08\xff" + b"BZh" * 100_000))

    assert time.process_time() - start < 10  # 30 s where each of them is a stop


def test_the_content_of_one_byte_frames_does_not_affect_the_time():
    kinds = (b"a", b"\xff")
    seconds = {byte: [] for byte in kinds}
    for byte in kinds * 3:  # in turn, as other work on the machine costs both alike
        frames = zstandard.compress(byte) * 500_000
        start = time.process_time()
        unpacked(frames)
        seconds[byte].append(time.process_time() - start)

    # For the second kind a megabyte is looked ahead: 2.5 times as long where all of it is copied for each byte.
    assert min(seconds[b"\xff"]) < 2 * min(seconds[b"a"])


def test_random_bytes_between_members_are_one_gap():
    noise = os.urandom(1 << 22)

    text, gaps = unpacked(gzip.compress(A), noise, gzip.compress(B))

    assert text == A + b"<gap>" + B
    assert sum(gap.skipped for gap in gaps) == len(noise)


def test_at_most_three_layers_are_decompressed():
    assert module._MAX_LAYERS == 3
