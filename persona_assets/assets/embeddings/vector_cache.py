"""On-disk cache of the vectors of texts, by a hash of the text, in the folder that PERSONA_VECTOR_STORE names."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128, xxh3_128_digest

from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.vector_chunks import (
    CHUNK_FILE,
    HASH_BYTES,
    KEY_FILE,
    TextHashes,
    damaged_chunk_error,
    hash_texts,
    name_cache_folder,
    read_hashes,
    read_if_exists,
)

__all__ = ["CachedVectors", "TextHashes", "VectorCache", "hash_texts"]

# Version of the file format. It is part of the key, so that chunks of another version are in another folder.
_LAYOUT = 2
# Maximum number of bytes of vectors that are read at a time.
_BLOCK_BYTES = 4 << 20


class CachedVectors(NamedTuple):
    """Vectors found in one file of the cache, and the indices of their texts among the requested ones."""

    rows: npt.NDArray[np.int64]  # (n,), rows of the requested hashes
    vectors: npt.NDArray[np.generic]  # (n, dimensions)


class VectorCache:
    """On-disk cache of text vectors of one model with given settings, in a folder of their own.

    A chunk of texts is two files: the hashes of the texts, and their vectors in the same order. The file of hashes is
    written last, so that a run that sees it also finds the vectors. It ends with two checksums (xxh3, 128 bits): one of
    the vectors, and one of all bytes before it. A file that does not match its checksum is an error.

    Several runs may share the folder: files are written under a temporary name, renamed, and never changed. A chunk
    that is written twice has the same name and content.
    """

    def __init__(self, root: Path, *, key: dict[str, str | int], dimensions: int, dtype: str) -> None:
        """Open the folder below `root` for vectors with this `key`, and create it if it is missing.

        Args:
            root: Local folder that has a folder per model and settings.
            key: All that a vector depends on besides its text. It is written to the key file.
            dimensions: Number of dimensions of a vector.
            dtype: Type of a component, "float16" or "float32".

        Raises:
            StorageError: The disk is full.
        """
        full_key = {**key, "dtype": dtype, "dimensions": dimensions, "layout": _LAYOUT}
        text = json.dumps(full_key, indent=1, sort_keys=True).encode()
        self._folder = root / name_cache_folder(text)
        self._dimensions, self._dtype = dimensions, np.dtype(dtype)
        with explaining_full_disk(_describe(self._folder)):
            self._folder.mkdir(parents=True, exist_ok=True)
        if read_if_exists(self._folder / KEY_FILE) != text:  # missing or damaged
            self._write(self._folder / KEY_FILE, text)

    def find(self, hashes: TextHashes) -> Iterator[CachedVectors]:
        """Yield the cached vectors of the texts with these hashes, file by file; each text at most once.

        The modification time of a chunk with a hit is set to now, because `prune_cache` deletes by it.

        Memory: the hashes twice, and the vectors found in one chunk.

        Args:
            hashes: TextHashes of distinct texts.

        Raises:
            StorageError: A file does not match its checksum.
        """
        order = np.argsort(hashes[:, 0])
        ordered = hashes[order]
        missing = np.ones(len(hashes), bool)
        chunks = sorted(file for file in self._folder.glob("*.hashes") if CHUNK_FILE.fullmatch(file.name))
        for file in chunks if len(hashes) else ():
            cached, checksum = read_hashes(file)
            # By the first integer alone: two texts of a day share it with a probability of one in a million. Then one
            # of them may be missed, and is computed again.
            position = np.minimum(np.searchsorted(ordered[:, 0], cached[:, 0]), len(ordered) - 1)
            is_hit = (ordered[position] == cached).all(axis=1) & missing[position]
            # None if another run has deleted the chunk since its hashes were read.
            if is_hit.any() and (vectors := self._read(file.with_suffix(".vectors"), is_hit, checksum)) is not None:
                missing[position[is_hit]] = False
                with suppress(FileNotFoundError, PermissionError):  # deleted since, or of another user
                    os.utime(file)
                yield CachedVectors(order[position[is_hit]], vectors)

    def add(self, hashes: TextHashes, vectors: npt.NDArray[np.generic]) -> None:
        """Write the vectors of new texts to the cache, as one file with their hashes.

        Args:
            hashes: `(n, 2)`, hashes of distinct texts.
            vectors: `(n, dimensions)`, their vectors.

        Raises:
            StorageError: The disk is full. The chunk is then not in the cache.
        """
        content = vectors.astype(self._dtype).tobytes()
        index = hashes.tobytes() + xxh3_128_digest(content)
        # The name is a hash of hashes and vectors: a GPU may compute other bytes for the same texts, and they must not
        # replace the vectors of these hashes.
        name = hashlib.sha256(index).hexdigest()[:HASH_BYTES]
        self._write(self._folder / f"{name}.vectors", content)
        self._write(self._folder / f"{name}.hashes", index + xxh3_128_digest(index))

    def _read(self, file: Path, is_hit: npt.NDArray[np.bool_], checksum: bytes) -> npt.NDArray[np.generic] | None:
        """Return the vectors of a chunk where `is_hit`, after checking the whole file; None if it was deleted."""
        width = self._dimensions * self._dtype.itemsize
        block_rows = max(1, _BLOCK_BYTES // width)
        hasher, hits = xxh3_128(), list[npt.NDArray[np.generic]]()
        try:
            with file.open("rb") as content:
                if os.fstat(content.fileno()).st_size != len(is_hit) * width:
                    raise damaged_chunk_error(file)
                for start in range(0, len(is_hit), block_rows):
                    block = content.read(min(block_rows, len(is_hit) - start) * width)
                    hasher.update(block)
                    vectors = np.frombuffer(block, self._dtype).reshape(-1, self._dimensions)
                    hits.append(vectors[is_hit[start : start + len(vectors)]])
        except FileNotFoundError:
            return None
        if hasher.digest() != checksum:
            raise damaged_chunk_error(file)
        return np.concatenate(hits)

    def _write(self, file: Path, content: bytes) -> None:
        temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        try:
            with explaining_full_disk(_describe(file)):
                temporary.write_bytes(content)
                temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)


def _describe(place: Path) -> str:
    return f"{place} (the vector store, PERSONA_VECTOR_STORE)"
