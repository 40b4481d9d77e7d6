"""A flipped bit in a stored Parquet file is detected before the file is read."""

import io
import random
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets.common.parquet_checksums import verify_parquet
from persona_assets.common.parquet_files import write_parquet
from persona_assets.errors import StorageError

ROWS = 5000
TABLE = pa.table(
    {
        "user_id": [f"did:plc:{row % 90}" for row in range(ROWS)],
        "event_time_us": pa.array(range(ROWS), pa.int64()),
        "text": [f"number {row * row}" for row in range(ROWS)],
    }
)


@pytest.fixture(scope="module")
def stored():
    buffer = io.BytesIO()
    write_parquet(buffer, TABLE.schema, [TABLE], max_group_rows=1000)
    return buffer.getvalue()


def flip(content: bytes, bit: int) -> bytes:
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def verify(content: bytes, **options) -> bool:
    return verify_parquet(io.BytesIO(content), name="the table", **options)


def test_an_unchanged_file_is_verified_and_readable_by_other_readers(stored):
    assert verify(stored)
    assert verify(stored, whole=False)
    assert pq.read_table(io.BytesIO(stored), page_checksum_verification=True) == TABLE


def test_a_path_and_an_unseekable_file_get_the_same_bytes(stored, tmp_path):
    write_parquet(tmp_path / "table.parquet", TABLE.schema, [TABLE], max_group_rows=1000)

    assert (tmp_path / "table.parquet").read_bytes() == stored


def test_each_of_a_thousand_flipped_bits_is_detected(stored):
    rng = random.Random(7)  # noqa: S311 - no secret
    footer_bits = 8 * int.from_bytes(stored[-8:-4], "little")
    everywhere = [rng.randrange(8 * len(stored)) for _ in range(500)]
    in_the_footer = [8 * len(stored) - 1 - rng.randrange(footer_bits + 64) for _ in range(500)]

    unseen = []
    for bit in everywhere + in_the_footer:
        with suppress(StorageError):
            verify(flip(stored, bit))
            unseen.append(bit)

    assert unseen == []


def test_damage_to_a_page_is_left_to_page_checksums_if_only_the_footer_is_verified(stored):
    damaged = flip(stored, 8 * 500)

    assert verify(damaged, whole=False)
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(io.BytesIO(damaged), page_checksum_verification=True)


@pytest.mark.parametrize("length", [0, 3, 8, 1000, -1])
def test_a_truncated_file_is_an_error(stored, length):
    with pytest.raises(StorageError, match="the table is not a whole Parquet file: materialize"):
        verify(stored[:length])


def test_a_file_of_an_older_version_has_no_checksum():
    buffer = io.BytesIO()
    pq.write_table(TABLE, buffer)

    assert not verify(buffer.getvalue())


def test_text_in_the_table_that_looks_like_a_checksum_is_ignored():
    fake = f"persona_assets.checksum\x18xxh3_128 body={'0' * 32} footer={'0' * 32}"
    buffer = io.BytesIO()
    table = pa.table({"uri": [fake]})  # the footer has its minimum and maximum value

    write_parquet(buffer, table.schema, [table])

    assert verify(buffer.getvalue())
