"""Cut a file of zstd frames after its last whole frame."""

import os
from pathlib import Path

import zstandard

_READ_BYTES = 1 << 20


def truncate_to_whole_frames(path: Path) -> int:
    """Truncate a zstd file after its last complete frame, and return its new length in bytes.

    Every frame is decompressed, so that its checksum is compared too; memory does not depend on the size of the file.
    """
    whole = find_length_of_whole_frames(path)
    if whole < path.stat().st_size:
        with path.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())
    return whole


def find_length_of_whole_frames(path: Path) -> int:
    """Return the number of bytes at the start of a zstd file that are complete frames."""
    decompressor = zstandard.ZstdDecompressor()
    whole, position = 0, 0
    with path.open("rb") as file:
        frame = decompressor.decompressobj()
        while chunk := file.read(_READ_BYTES):
            position += len(chunk)
            try:
                while chunk:
                    frame.decompress(chunk)
                    chunk = b""
                    if frame.eof:
                        chunk = frame.unused_data
                        whole = position - len(chunk)
                        frame = decompressor.decompressobj()
            except zstandard.ZstdError:
                return whole
    return whole
