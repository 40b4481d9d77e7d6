import random
from functools import cache

import pytest
import zstandard

from persona_assets.assets.raw_events.byte_source import ByteSource, DamageError
from persona_assets.assets.raw_events.zstd_frames import BLOCK_BYTES, ZstdFrameReader

SAMPLES = [f'{{"did":"did:plc:{number:024}","kind":"commit","seq":{number**3}}}'.encode() for number in range(2000)]
# The header of a frame with a window of 2 GiB and of 4 GiB; no size, no checksum.
WINDOWS = {size: b"\x28\xb5\x2f\xfd\0" + bytes([exponent << 3]) for size, exponent in ((1 << 31, 21), (1 << 32, 22))}


def raw_block(content, *, is_last):
    return (len(content) << 3 | is_last).to_bytes(3, "little") + content


@cache
def train(dictionary):
    return zstandard.train_dictionary(1024, SAMPLES[:200], dict_id=dictionary)


def pack(content, dictionary=None, **options):
    return zstandard.ZstdCompressor(dict_data=dictionary, **options).compress(content)


def read(packed, dictionaries=None):
    source, frames, content = ByteSource(iter([packed])), ZstdFrameReader(dictionaries or {}), []
    while source.peek(1):
        content.extend(frames.read(source))
    return b"".join(content)


def test_frames_of_a_file_may_have_different_dictionaries():
    one, other = train(7), train(9)
    packed = pack(SAMPLES[0], one) + pack(SAMPLES[1]) + pack(SAMPLES[2], other) + pack(SAMPLES[3], one)

    assert read(packed, {7: one.as_bytes(), 9: other.as_bytes()}) == b"".join(SAMPLES[:4])


@pytest.mark.parametrize("dictionary", [1612007021, 20260811])
def test_a_missing_dictionary_of_jetstream_is_named_and_its_frame_is_skipped(dictionary):
    packed = pack(SAMPLES[0], train(dictionary))
    source = ByteSource(iter([packed + b"next"]))

    with pytest.raises(DamageError, match=f"the zstd dictionary {dictionary} is missing") as caught:
        list(ZstdFrameReader({}).read(source))

    assert (caught.value.unread, source.peek(9)) == (len(packed), b"next")


def test_missing_dictionaries_with_other_ids_have_the_same_reason():
    reasons = set()
    for dictionary in (7, 8, 9):
        with pytest.raises(DamageError) as caught:
            list(ZstdFrameReader({}).read(ByteSource(iter([pack(SAMPLES[0], train(dictionary))]))))
        reasons.add(caught.value.reason)

    assert reasons == {"a zstd dictionary is missing"}


@pytest.mark.parametrize("level", [1, 3, 19])
@pytest.mark.parametrize("checksum", [False, True])
def test_frames_of_all_kinds_of_blocks_are_read_block_by_block(level, checksum):
    noise = random.Random(1).randbytes(300_000)  # noqa: S311 - what does not compress
    content = bytes(500_000) + noise + b"".join(SAMPLES) * 10

    assert read(pack(content, level=level, write_checksum=checksum)) == content


def test_blocks_before_damage_are_kept_whole():
    content = b"".join(SAMPLES) * 20
    packed = bytearray(pack(content, write_checksum=False))
    packed[-3:] = b"\xff\xff\xff"
    found = []

    with pytest.raises(DamageError, match="damaged"):
        found.extend(ZstdFrameReader({}).read(ByteSource(iter([bytes(packed)]))))

    assert content.startswith(b"".join(found))
    assert len(b"".join(found)) >= len(content) - BLOCK_BYTES


def test_a_window_of_two_gib_is_read():
    assert read(WINDOWS[1 << 31] + raw_block(b"hello", is_last=True)) == b"hello"


def test_a_window_of_four_gib_is_rejected():
    with pytest.raises(DamageError, match="a zstd window of more than 2 GiB"):
        read(WINDOWS[1 << 32] + raw_block(b"hello, hello", is_last=True))


@pytest.mark.parametrize("length", range(1, 30))
def test_a_frame_that_is_truncated_anywhere_is_reported(length):
    packed = pack(b"some text that is long enough", write_checksum=True)

    with pytest.raises(DamageError, match="ends inside a zstd frame"):
        list(ZstdFrameReader({}).read(ByteSource(iter([packed[: min(length, len(packed) - 1)]]))))
