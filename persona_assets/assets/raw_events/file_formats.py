"""Detect a file's compression, text encoding or unsupported format by its first bytes."""

import re
from typing import Literal

Compression = Literal["gzip", "zstd", "xz", "bzip2"]
TextEncoding = Literal["utf-16-le", "utf-16-be", "utf-32"]

GZIP = b"\x1f\x8b\x08"
ZSTD = b"\x28\xb5\x2f\xfd"
XZ = b"\xfd7zXZ\0"
BZIP2 = b"BZh"
_BZIP2_BLOCK = b"1AY&SY"  # follows BZIP2 and a digit; in an empty file the next constant does
_BZIP2_END = b"\x17\x72\x45\x38\x50\x90"
# Matches the start of a member or frame anywhere in a file; below, the maximum length of a match. The three letters of
# bzip2 are not enough: a text may be full of them.
MEMBER_START = re.compile(
    b"|".join(
        (
            *map(re.escape, (GZIP, ZSTD, XZ)),
            re.escape(BZIP2) + b".(?:" + re.escape(_BZIP2_BLOCK) + b"|" + re.escape(_BZIP2_END) + b")",
        )
    ),
    re.DOTALL,
)
MAX_MEMBER_START_BYTES = len(BZIP2) + 1 + len(_BZIP2_BLOCK)
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a first byte of 0x50 to 0x5f

# Unsupported formats: offset of the magic number, the magic number, and what the rejected line says of the file.
_UNSUPPORTED_FORMATS = (
    (0, b"\x04\x22\x4d\x18", "compressed with lz4"),
    (0, b"\x02\x21\x4c\x18", "compressed with lz4"),
    (0, b"LZIP", "compressed with lzip"),
    (0, b"\x89LZO\0\r\n", "compressed with lzop"),
    (0, b"\xff\x06\x00\x00sNaPpY", "compressed with snappy"),
    (0, b"\x1f\x9d", "compressed with compress"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"PK\x05\x06", "a zip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a rar archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"ARROW1\0\0", "an Arrow file"),
    (0, b"ORC", "an ORC file"),
    (0, b"Obj\x01", "an Avro file"),
    (0, b"jss0", "a segment of Jetstream's archive"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (8, b"DUCK", "a DuckDB database"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"%PDF-", "a PDF file"),
)
HEAD_BYTES = 512  # every magic number lies within these
# Encodings other than UTF-8: the byte order mark, and which bytes of an ASCII character are zero ("0").
_ENCODINGS: tuple[tuple[TextEncoding, bytes, str], ...] = (
    ("utf-32", b"\xff\xfe\0\0", "x000"),
    ("utf-32", b"\0\0\xfe\xff", "000x"),
    ("utf-16-le", b"\xff\xfe", "x0"),
    ("utf-16-be", b"\xfe\xff", "0x"),
)
# Without a byte order mark, this many bytes decide: JSON starts with ASCII characters.
_SAMPLED_BYTES = 16


def detect_compression(head: bytes) -> Compression | None:
    """Return the compression of a member or frame that starts with the bytes `head`; None if it is not a known one."""
    if head.startswith(GZIP):
        return "gzip"
    if head.startswith(ZSTD) or (head[:1].hex()[:1] == "5" and head[1:4] == _ZSTD_SKIPPABLE):
        return "zstd"
    if head.startswith(XZ):
        return "xz"
    if head.startswith(BZIP2) and head[4:10] in (_BZIP2_BLOCK, _BZIP2_END):
        return "bzip2"
    return None


def detect_unsupported_format(head: bytes) -> str | None:
    """Return the name of a file format that cannot be read, such as "a zip archive"; None if `head` shows none.

    Call it only for files that `looks_like_utf8` rejects: a text may start with the letters of a magic number.
    """
    return next((what for at, magic, what in _UNSUPPORTED_FORMATS if head[at:].startswith(magic)), None)


def detect_encoding(head: bytes) -> TextEncoding | None:
    """Return the encoding if bytes are UTF-16 or UTF-32 text, with or without byte order mark; else None."""
    zeros = "".join("x" if byte else "0" for byte in head[:_SAMPLED_BYTES])
    for encoding, mark, character in _ENCODINGS:
        if head.startswith(mark) or zeros == character * (_SAMPLED_BYTES // len(character)):
            return encoding
    return None


def looks_like_utf8(head: bytes) -> bool:
    """Return whether bytes are valid UTF-8 without NUL; the last character may be incomplete."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and b"\0" not in head
    return b"\0" not in head
