import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from persona_assets.assets.raw_events.file_formats import (
    HEAD_BYTES,
    MAX_MEMBER_START_BYTES,
    MEMBER_START,
    detect_compression,
    detect_encoding,
    detect_unsupported_format,
    looks_like_utf8,
)

LINE = b'{"did":"did:plc:a","text":"h\xc3\xa9"}\r\n'


@pytest.mark.parametrize(
    ("packed", "name"),
    [
        (gzip.compress(LINE, mtime=0), "gzip"),
        (zstandard.compress(LINE), "zstd"),
        (b"\x50\x2a\x4d\x18\0\0\0\0", "zstd"),
        (lzma.compress(LINE), "xz"),
        (bz2.compress(LINE), "bzip2"),
        (bz2.compress(b""), "bzip2"),
        (LINE, None),
        (b"BZhello", None),
        (b"", None),
    ],
)
def test_compression_is_detected_by_the_first_bytes(packed, name):
    assert detect_compression(packed[:HEAD_BYTES]) == name


def make_tar():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"), None)
    return content.getvalue()


def make_zip():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a", LINE)
    return content.getvalue()


def make_parquet():
    content = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), content)
    return content.getvalue()


def make_arrow():
    content = io.BytesIO()
    with pa.ipc.new_file(content, pa.schema([("a", pa.int64())])):
        pass
    return content.getvalue()


def make_lz4():
    content = io.BytesIO()
    with pa.CompressedOutputStream(content, "lz4") as out:
        out.write(LINE)
        out.flush()
        return content.getvalue()


def make_sqlite():
    database = sqlite3.connect(":memory:")
    database.execute("create table a (b)")
    return database.serialize()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (make_tar(), "a tar archive"),
        (make_zip(), "a zip archive"),
        (make_parquet(), "a Parquet file"),
        (make_arrow(), "an Arrow file"),
        (make_lz4(), "compressed with lz4"),
        (make_sqlite(), "an SQLite database"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive"),
        (b"\xff\0\1\2", None),
    ],
    ids=["tar", "zip", "parquet", "arrow", "lz4", "sqlite", "7z", "bytes"],  # some contents hold the time
)
def test_unsupported_formats_are_named(content, name):
    assert not looks_like_utf8(content[:HEAD_BYTES])
    assert detect_unsupported_format(content[:HEAD_BYTES]) == name


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize(("encoding", "name"), [("utf-16-le",) * 2, ("utf-16-be",) * 2, ("utf-32-le", "utf-32")])
def test_the_encoding_is_detected_with_and_without_a_byte_order_mark(encoding, name, mark):
    text = (mark + LINE.decode()).encode(encoding)

    assert not looks_like_utf8(text)
    assert detect_encoding(text) == name


@pytest.mark.parametrize("content", [b"\xff", b"a\0\0\0b", b"{\0\0\0", b"\0\0\0\0", b"\xffa\0b", bytes(600)])
def test_zero_and_invalid_bytes_alone_are_not_taken_for_utf16_or_utf32(content):
    assert detect_encoding(content) is None


@pytest.mark.parametrize("content", [LINE, LINE[:29], "é".encode()[:1], b"", "😀".encode()[:3]])
def test_utf8_may_be_cut_anywhere(content):
    assert looks_like_utf8(content)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, lzma.compress, bz2.compress])
@pytest.mark.parametrize("content", [LINE, b""])
def test_the_start_of_a_member_is_found_among_other_bytes(pack, content):
    found = MEMBER_START.search(b"BZhBZh9\x1f\x8bBZh91AY" + pack(content))

    assert found is not None
    assert found.start() == 16
    assert len(found.group()) <= MAX_MEMBER_START_BYTES
