"""Tell by its first bytes what a file is."""

import re
from typing import Literal

Packed = Literal["gzip", "zstd", "xz", "bzip2"]
Encoding = Literal["utf-16-le", "utf-16-be", "utf-32"]

GZIP = b"\x1f\x8b\x08"
ZSTD = b"\x28\xb5\x2f\xfd"
XZ = b"\xfd7zXZ\0"
BZIP2 = b"BZh"
_BZIP2_BLOCK = b"1AY&SY"  # after the digit that follows BZIP2; in an empty file, what ends it
_BZIP2_END = b"\x17\x72\x45\x38\x50\x90"
# What a member or frame begins with, wherever in a file, and how many bytes of it at most. Of bzip2 more than its three
# letters: a text may be full of these.
MEMBER_START = re.compile(
    b"|".join(
        (
            *map(re.escape, (GZIP, ZSTD, XZ)),
            re.escape(BZIP2) + b".(?:" + re.escape(_BZIP2_BLOCK) + b"|" + re.escape(_BZIP2_END) + b")",
        )
    ),
    re.DOTALL,
)
MEMBER_START_BYTES = len(BZIP2) + 1 + len(_BZIP2_BLOCK)
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a first byte of 0x50 to 0x5f

# Formats that are not read: where their magic stands, the magic, and what a person would call the file.
_REFUSED = (
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
HEAD_BYTES = 512  # as far as any magic lies
# Forms of text other than UTF-8: their byte order mark, and which bytes of a character of ASCII are zero.
_ENCODINGS: tuple[tuple[Encoding, bytes, str], ...] = (
    ("utf-32", b"\xff\xfe\0\0", "x000"),
    ("utf-32", b"\0\0\xfe\xff", "000x"),
    ("utf-16-le", b"\xff\xfe", "x0"),
    ("utf-16-be", b"\xfe\xff", "0x"),
)
# Without a byte order mark so many bytes tell: JSON begins with characters of ASCII.
_TOLD_BYTES = 16


def name_compression(head: bytes) -> Packed | None:
    """Return what a member or frame that begins with `head` is compressed with, if it can be read."""
    if head.startswith(GZIP):
        return "gzip"
    if head.startswith(ZSTD) or (head[:1].hex()[:1] == "5" and head[1:4] == _ZSTD_SKIPPABLE):
        return "zstd"
    if head.startswith(XZ):
        return "xz"
    if head.startswith(BZIP2) and head[4:10] in (_BZIP2_BLOCK, _BZIP2_END):
        return "bzip2"
    return None


def name_refused(head: bytes) -> str | None:
    """Return what a file that is not read is, as `compressed with lz4`, or None; asked of what is no text."""
    return next((what for at, magic, what in _REFUSED if head[at:].startswith(magic)), None)


def name_encoding(head: bytes) -> Encoding | None:
    """Return the form of a text that is not in UTF-8, or None when it is no such text."""
    zeros = "".join("x" if byte else "0" for byte in head[:_TOLD_BYTES])
    for encoding, mark, character in _ENCODINGS:
        if head.startswith(mark) or zeros == character * (_TOLD_BYTES // len(character)):
            return encoding
    return None


def is_text(head: bytes) -> bool:
    """Tell whether bytes may be UTF-8, cut anywhere at their end."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and b"\0" not in head
    return b"\0" not in head
