"""Vectors that were computed once, kept by what their text is, so that no run computes them again."""

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.errors import StorageError

HASH_BYTES = 16
# Tells whoever looks how the vectors beside it were made.
_KEY = "key.json"

Hashes = npt.NDArray[np.uint64]  # (n_texts, 2): the 16 bytes of each, as two numbers


class Found(NamedTuple):
    """Vectors that were kept: rows of the texts asked for, and their vectors."""

    rows: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.generic]  # (len(rows), dimensions)


def hash_texts(texts: Sequence[str]) -> Hashes:
    """Return 16 bytes of each text's SHA-256: two texts in a billion billion share them."""
    digests = (hashlib.sha256(text.encode()).digest()[:HASH_BYTES] for text in texts)
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)


class VectorStore:
    """A folder of vectors, one file a chunk of texts, for one way to make them.

    Files are written beside and renamed and never changed, so runs may share a folder; the same chunk written
    twice is the same file. A chunk is two files: the hashes of its texts, and their vectors in the same order. The
    hashes come last: who sees them finds the vectors.
    """

    def __init__(self, root: Path, *, key: dict[str, str | int], dimensions: int, dtype: str) -> None:
        """Open or make the folder below `root` for vectors made in the way that `key` tells.

        Args:
            root: Local folder of all ways.
            key: All that a vector depends on but its text; it is written down beside the vectors.
            dimensions: Of a vector.
            dtype: Of a vector, "float16" or "float32".
        """
        text = json.dumps({**key, "dtype": dtype, "dimensions": dimensions}, indent=1, sort_keys=True)
        self._folder = root / hashlib.sha256(text.encode()).hexdigest()[:HASH_BYTES]
        self._dimensions, self._dtype = dimensions, np.dtype(dtype)
        self._folder.mkdir(parents=True, exist_ok=True)
        if not (self._folder / _KEY).exists():
            self._write(self._folder / _KEY, text.encode())

    def find(self, hashes: Hashes) -> Iterator[Found]:
        """Yield the vectors that are kept of the texts with these hashes, file by file; none twice.

        Memory: the hashes twice, and the vectors found in one file.

        Args:
            hashes: Of distinct texts.

        Raises:
            StorageError: A file of vectors is shorter than its file of hashes says.
        """
        order = np.argsort(hashes[:, 0])
        ordered = hashes[order]
        missing = np.ones(len(hashes), bool)
        for file in sorted(self._folder.glob("*.hashes")) if len(hashes) else ():
            kept = _read_hashes(file)
            # By the first number, which no two texts of a day share but by a chance of one in a million.
            at = np.minimum(np.searchsorted(ordered[:, 0], kept[:, 0]), len(ordered) - 1)
            is_asked = (ordered[at] == kept).all(axis=1) & missing[at]
            if is_asked.any():
                missing[at[is_asked]] = False
                yield Found(order[at[is_asked]], self._read(file.with_suffix(".vectors"), len(kept))[is_asked])

    def keep(self, hashes: Hashes, vectors: npt.NDArray[np.generic]) -> None:
        """Keep the vectors of a finished chunk."""
        name = hashlib.sha256(hashes.tobytes()).hexdigest()[:HASH_BYTES]
        self._write(self._folder / f"{name}.vectors", vectors.astype(self._dtype).tobytes())
        self._write(self._folder / f"{name}.hashes", hashes.tobytes())

    def _read(self, file: Path, rows: int) -> npt.NDArray[np.generic]:
        if file.stat().st_size != rows * self._dimensions * self._dtype.itemsize:
            raise StorageError(f"{file} is damaged: delete it and the .hashes file of the same name, and run again")
        return np.memmap(file, self._dtype, "r", shape=(rows, self._dimensions))

    def _write(self, file: Path, content: bytes) -> None:
        beside = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        try:
            beside.write_bytes(content)
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)


def _read_hashes(file: Path) -> Hashes:
    try:
        return np.fromfile(file, np.uint64).reshape(-1, 2)
    except FileNotFoundError:  # another run has pruned it since the folder was listed
        return np.empty((0, 2), np.uint64)


def prune_store(root: Path, *, before: float) -> int:
    """Delete what was written before an instant (seconds of the Unix epoch) and return how many bytes.

    Chunks, and what runs left that were killed while they wrote one.

    Args:
        root: Folder of all ways, as given to `VectorStore`.
        before: Hashes go first, so that no run finds what is about to be deleted.
    """
    deleted = 0
    for file in sorted(root.glob("*/*"), key=lambda file: (file.suffix != ".hashes", file)):
        with suppress(FileNotFoundError):  # another run prunes too
            is_needed = file.name == _KEY or (file.suffix == ".vectors" and file.with_suffix(".hashes").exists())
            if not is_needed and file.stat().st_mtime < before:
                size = file.stat().st_size
                file.unlink()
                deleted += size
    return deleted
