"""An independent search for an id in every byte that is stored: files, zstd frames in them, and decoded tables."""

import base64
import contextlib
import re
import zlib
from pathlib import Path

import pyarrow.parquet as pq
import zstandard

_ZSTD = b"\x28\xb5\x2f\xfd"


def find_bytes(folder: Path, account_id: str) -> list[str]:
    """Return the files below `folder` that hold the id anywhere, each with where it is."""
    needle = account_id.encode()
    found = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, content = file.relative_to(folder).as_posix(), file.read_bytes()
        if needle in name.encode():
            found.append(f"{name}: its name")
        if needle in content:
            found.append(f"{name}: as it is")
        # Pages of Parquet files, dictionary pages among them, and compressed files are zstd frames.
        if any(needle in part for part in _decompress_frames(content)):
            found.append(f"{name}: compressed")
        if any(needle in part for part in _decode_base64(content)):
            found.append(f"{name}: base64")
        if file.suffix == ".parquet":
            if account_id in repr(pq.read_table(file).to_pydict()):
                found.append(f"{name}: values")
            if account_id in repr(pq.read_metadata(file).to_dict()) + repr(pq.read_schema(file).metadata):
                found.append(f"{name}: metadata")
    return found


def _decompress_frames(content: bytes):
    at = content.find(_ZSTD)
    while at >= 0:
        with contextlib.suppress(zstandard.ZstdError):
            yield zstandard.ZstdDecompressor().decompressobj().decompress(content[at:])
        at = content.find(_ZSTD, at + 1)


def _decode_base64(content: bytes):
    for match in re.finditer(rb"[A-Za-z0-9+/]{64,}={0,2}", content):
        decoded = base64.b64decode(match[0] + b"=" * (-len(match[0]) % 4))
        yield decoded
        for bits in (-15, 15, 31):
            try:
                yield zlib.decompress(decoded, bits)
            except zlib.error:
                continue
