"""The files of the vector store: hashes of texts, and chunks of vectors by these hashes."""

import hashlib
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from xxhash import xxh3_128_digest

from persona_assets.errors import StorageError

HASH_BYTES = 16
# Records how the vectors in its folder were computed: model, settings, dtype.
KEY_FILE = "key.json"
# The name of a file of a chunk.
CHUNK_FILE = re.compile(r"([0-9a-f]{16})\.(hashes|vectors)")

TextHashes = npt.NDArray[np.uint64]  # (n_texts, 2): 16 bytes of a hash, as two integers


def hash_texts(texts: pa.StringArray | Sequence[str]) -> TextHashes:
    """Return the first 16 bytes of the SHA-256 of each text. A collision is practically impossible.

    Args:
        texts: Python or Arrow strings. Those of Arrow are hashed in place, without a Python string for each.
    """
    strings: pa.StringArray = cast("Any", texts) if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    if not len(strings):
        return np.empty((0, 2), np.uint64)
    _, offsets, content = strings.buffers()
    ends = np.frombuffer(offsets, np.int32)[strings.offset : strings.offset + len(strings) + 1].tolist()
    utf8, sha256 = memoryview(content or b""), hashlib.sha256
    digests = b"".join([sha256(utf8[start:end]).digest() for start, end in itertools.pairwise(ends)])
    return np.frombuffer(digests, np.uint64).reshape(-1, 4)[:, :2].copy()


def name_cache_folder(key: bytes) -> str:
    """Return the name of the cache folder of a key: 16 hexadecimal digits of the key's SHA-256."""
    return hashlib.sha256(key).hexdigest()[:HASH_BYTES]


def damaged_chunk_error(file: Path) -> StorageError:
    """Build the error for a chunk file that does not match its checksum."""
    return StorageError(
        f"{file} is damaged, it does not match its checksum: delete {file.with_suffix('.hashes')} and "
        f"{file.with_suffix('.vectors').name} beside it, and run again"
    )


def read_if_exists(file: Path) -> bytes | None:
    """Return the content of a file, or None if it does not exist."""
    try:
        return file.read_bytes()
    except FileNotFoundError:  # also if another run has deleted it since the folder was listed
        return None


def read_hashes(file: Path) -> tuple[TextHashes, bytes]:
    """Read the text hashes of a file of the vector cache, and the checksum of its vectors; no hashes if it was deleted.

    Raises:
        StorageError: The file does not match its checksum.
    """
    content = read_if_exists(file)
    if content is None:
        return np.empty((0, 2), np.uint64), b""
    index, checksum = content[:-HASH_BYTES], content[-HASH_BYTES:]
    if len(index) < HASH_BYTES or len(index) % HASH_BYTES or xxh3_128_digest(index) != checksum:
        raise damaged_chunk_error(file)
    return np.frombuffer(index[:-HASH_BYTES], np.uint64).reshape(-1, 2), index[-HASH_BYTES:]
