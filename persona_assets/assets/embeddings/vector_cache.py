"""Vectors that were computed once, kept by what their text is, so that no run computes them again."""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128, xxh3_128_digest

from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.errors import StorageError

HASH_BYTES = 16
# Tells whoever looks how the vectors beside it were made.
KEY = "key.json"
# A file of a chunk.
CHUNK = re.compile(r"([0-9a-f]{16})\.(hashes|vectors)")
# Of the files of a chunk. Chunks of another layout have another key, and so are never found.
_LAYOUT = 2
# Vectors of a chunk that are read at a time.
_BLOCK_BYTES = 4 << 20

Hashes = npt.NDArray[np.uint64]  # (n_texts, 2): the 16 bytes of each, as two numbers


class Found(NamedTuple):
    """Vectors that were kept: rows of the texts asked for, and their vectors."""

    rows: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.generic]  # (len(rows), dimensions)


def hash_texts(texts: Sequence[str]) -> Hashes:
    """Return 16 bytes of each text's SHA-256: two texts in a billion billion share them."""
    digests = (hashlib.sha256(text.encode()).digest()[:HASH_BYTES] for text in texts)
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)


def name_folder(key: bytes) -> str:
    """Return the name of the folder of vectors whose `key.json` has these bytes."""
    return hashlib.sha256(key).hexdigest()[:HASH_BYTES]


class VectorStore:
    """A folder of vectors, one file a chunk of texts, for one way to make them.

    Files are written beside and renamed and never changed, so runs may share a folder; the same chunk written
    twice is the same file. A chunk is two files: the hashes of its texts, and their vectors in the same order. The
    hashes come last: who sees them finds the vectors. Behind the hashes stand two digests (xxh3, 128 bits), of the
    vectors and of all that is before it in the file: what is read is what was written, or an error.
    """

    def __init__(self, root: Path, *, key: dict[str, str | int], dimensions: int, dtype: str) -> None:
        """Open or make the folder below `root` for vectors made in the way that `key` tells.

        Args:
            root: Local folder of all ways.
            key: All that a vector depends on but its text; it is written down beside the vectors.
            dimensions: Of a vector.
            dtype: Of a vector, "float16" or "float32".

        Raises:
            StorageError: The disk is full.
        """
        how = {**key, "dtype": dtype, "dimensions": dimensions, "layout": _LAYOUT}
        text = json.dumps(how, indent=1, sort_keys=True).encode()
        self._folder = root / name_folder(text)
        self._dimensions, self._dtype = dimensions, np.dtype(dtype)
        with explaining_full_disk(_describe(self._folder)):
            self._folder.mkdir(parents=True, exist_ok=True)
        if _read_bytes(self._folder / KEY) != text:  # it is not there, or damaged
            self._write(self._folder / KEY, text)

    def find(self, hashes: Hashes) -> Iterator[Found]:
        """Yield the vectors that are kept of the texts with these hashes, file by file; none twice.

        A chunk of which anything is found is new again: `prune.prune_store` takes what was not used for long.

        Memory: the hashes twice, and the vectors found in one file.

        Args:
            hashes: Of distinct texts.

        Raises:
            StorageError: The bytes of a file are not those that were written.
        """
        order = np.argsort(hashes[:, 0])
        ordered = hashes[order]
        missing = np.ones(len(hashes), bool)
        chunks = sorted(file for file in self._folder.glob("*.hashes") if CHUNK.fullmatch(file.name))
        for file in chunks if len(hashes) else ():
            kept, digest = _read_hashes(file)
            # By the first number, which no two texts of a day share but by a chance of one in a million.
            at = np.minimum(np.searchsorted(ordered[:, 0], kept[:, 0]), len(ordered) - 1)
            is_asked = (ordered[at] == kept).all(axis=1) & missing[at]
            # Another run may prune the chunk between two looks: then it is missing, whole.
            if is_asked.any() and (vectors := self._read(file.with_suffix(".vectors"), is_asked, digest)) is not None:
                missing[at[is_asked]] = False
                with suppress(FileNotFoundError, PermissionError):  # pruned since, or another user's
                    os.utime(file)
                yield Found(order[at[is_asked]], vectors)

    def keep(self, hashes: Hashes, vectors: npt.NDArray[np.generic]) -> None:
        """Keep the vectors of a finished chunk.

        Raises:
            StorageError: The disk is full; nothing of the chunk is kept.
        """
        content = vectors.astype(self._dtype).tobytes()
        index = hashes.tobytes() + xxh3_128_digest(content)
        # Of both: a GPU may give the same texts other bytes, which must not come to lie beside these hashes.
        name = hashlib.sha256(index).hexdigest()[:HASH_BYTES]
        self._write(self._folder / f"{name}.vectors", content)
        self._write(self._folder / f"{name}.hashes", index + xxh3_128_digest(index))

    def _read(self, file: Path, is_asked: npt.NDArray[np.bool_], digest: bytes) -> npt.NDArray[np.generic] | None:
        """Return the vectors asked for of a chunk, all of which is read; None if it is not there any more."""
        width = self._dimensions * self._dtype.itemsize
        block_rows = max(1, _BLOCK_BYTES // width)
        read, taken = xxh3_128(), list[npt.NDArray[np.generic]]()
        try:
            with file.open("rb") as content:
                if os.fstat(content.fileno()).st_size != len(is_asked) * width:
                    raise _damaged(file)
                for start in range(0, len(is_asked), block_rows):
                    block = content.read(min(block_rows, len(is_asked) - start) * width)
                    read.update(block)
                    vectors = np.frombuffer(block, self._dtype).reshape(-1, self._dimensions)
                    taken.append(vectors[is_asked[start : start + len(vectors)]])
        except FileNotFoundError:
            return None
        if read.digest() != digest:
            raise _damaged(file)
        return np.concatenate(taken)

    def _write(self, file: Path, content: bytes) -> None:
        beside = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        try:
            with explaining_full_disk(_describe(file)):
                beside.write_bytes(content)
                beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)


def _describe(place: Path) -> str:
    return f"{place} (the store of vectors, PERSONA_VECTOR_STORE)"


def _damaged(file: Path) -> StorageError:
    return StorageError(
        f"{file} is damaged, its bytes are not those that were written: delete {file.with_suffix('.hashes')} and "
        f"{file.with_suffix('.vectors').name} beside it, and run again"
    )


def _read_bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:  # or another run has pruned it since the folder was listed
        return None


def _read_hashes(file: Path) -> tuple[Hashes, bytes]:
    """Return the hashes of a chunk, none if it is not there any more, and the digest of its vectors."""
    content = _read_bytes(file)
    if content is None:
        return np.empty((0, 2), np.uint64), b""
    index, digest = content[:-HASH_BYTES], content[-HASH_BYTES:]
    if len(index) < HASH_BYTES or len(index) % HASH_BYTES or xxh3_128_digest(index) != digest:
        raise _damaged(file)
    return np.frombuffer(index[:-HASH_BYTES], np.uint64).reshape(-1, 2), index[-HASH_BYTES:]
