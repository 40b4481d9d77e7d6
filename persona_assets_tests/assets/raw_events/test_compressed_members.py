import bz2
import gzip
import lzma
import random

import pytest
import zstandard

from persona_assets.assets.raw_events.byte_source import ByteSource, DamageError
from persona_assets.assets.raw_events.compressed_members import OUTPUT_BYTES, MemberReader
from persona_assets.assets.raw_events.file_formats import detect_compression

COMPRESSORS = {"gzip": gzip.compress, "zstd": zstandard.compress, "xz": lzma.compress, "bzip2": bz2.compress}
TEXT = "".join(f"line {number} {number**9}\n" for number in range(40_000)).encode()
each_compressor = pytest.mark.parametrize("pack", COMPRESSORS.values(), ids=COMPRESSORS)


def read(packed):
    """Return the content of the first member, the reason of its damage if any, and the remaining bytes."""
    source, content, reason = ByteSource(iter([packed])), [], None
    try:
        content.extend(MemberReader({}).read(detect_compression(packed), source))
    except DamageError as damage:
        reason = damage.reason
    return b"".join(content), reason, source.peek(len(packed))


@each_compressor
def test_a_member_is_read_and_the_source_is_behind_it(pack):
    assert read(pack(TEXT) + b"more") == (TEXT, None, b"more")


@each_compressor
def test_pieces_are_of_bounded_size_whatever_a_member_expands_to(pack):
    packed = pack(bytes(5_000_000))

    sizes = [len(piece) for piece in MemberReader({}).read(detect_compression(packed), ByteSource(iter([packed])))]

    assert (sum(sizes), max(sizes) <= OUTPUT_BYTES) == (5_000_000, True)


@each_compressor
def test_a_truncated_member_is_reported(pack):
    content, reason, _ = read(pack(TEXT)[:-10])

    assert TEXT.startswith(content)
    assert reason.startswith("the file ends inside a")


def test_every_byte_before_damage_in_a_gzip_member_is_kept():
    packed = gzip.compress(TEXT)
    # A block of a kind that deflate does not have, behind one that is whole.
    damaged = gzip.compress(b"x" * 30)[:-8] + b"\xff" * 40
    whole, reason, _ = read(damaged)

    assert whole == b"x" * 30
    assert reason.startswith("the compressed data")
    for cut in (1000, 70_000, len(packed) - 20):
        content, _, _ = read(packed[:cut])
        assert TEXT.startswith(content)
        assert len(content) > cut


@each_compressor
def test_content_before_damage_is_kept(pack):
    packed = bytearray(pack(TEXT))
    packed[len(packed) * 3 // 4] ^= 0xFF

    content, reason, _ = read(bytes(packed))

    same = next((at for at, (one, other) in enumerate(zip(content, TEXT, strict=False)) if one != other), len(content))
    assert same > len(TEXT) // 2 - (900_000 if pack is bz2.compress else 0)
    assert reason.startswith("the compressed data")


def test_a_gzip_member_that_is_cut_off_ends_before_the_next_member():
    rng = random.Random(1)  # noqa: S311 - places to cut at
    one, other = gzip.compress(TEXT), gzip.compress(b"another\n")
    for cut in [rng.randrange(100, len(one) - 20) for _ in range(20)]:
        content, reason, rest = read(one[:cut] + other)

        assert TEXT.startswith(content)
        assert (reason, rest) == ("the file ends inside a gzip frame", other)


def test_a_gzip_member_may_contain_another_one():
    inner = gzip.compress(TEXT)

    assert read(gzip.compress(inner)) == (inner, None, b"")
    assert read(gzip.compress(inner, compresslevel=0)) == (inner, None, b"")


@each_compressor
def test_a_magic_number_is_probed_by_decompressing(pack):
    packed = pack(TEXT)
    name, magic = detect_compression(packed), packed[:10]

    assert MemberReader({}).is_member_start(name, ByteSource(iter([packed])))
    assert MemberReader({}).is_member_start(name, ByteSource(iter([packed[:5000]])))
    assert not MemberReader({}).is_member_start(name, ByteSource(iter([magic + b"\xff" * 200_000])))
    assert not MemberReader({}).is_member_start(name, ByteSource(iter([pack(b"")])), has_content=True)


def test_the_number_of_probes_is_limited():
    reader = MemberReader({})
    while reader.can_probe:
        reader.is_member_start("gzip", ByteSource(iter([b"\x1f\x8b\x08\0"])))

    assert read(gzip.compress(gzip.compress(b"a"), compresslevel=0))[0] == gzip.compress(b"a")


def test_a_wrong_checksum_is_reported_after_the_content():
    packed = bytearray(gzip.compress(b"a\n"))
    packed[-8] ^= 1

    assert read(bytes(packed))[:2] == (b"a\n", "the compressed data does not match its checksum")
