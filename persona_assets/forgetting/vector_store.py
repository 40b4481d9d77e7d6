"""Remove the vectors of some texts from the vector store, which is on a local disk."""

import hashlib
import os
import re
import uuid
from pathlib import Path

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128_digest

from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.vector_chunks import (
    CHUNK_FILE,
    HASH_BYTES,
    KEY_FILE,
    TextHashes,
    damaged_chunk_error,
    name_cache_folder,
    read_hashes,
    read_if_exists,
)

# The names of a folder of `VectorCache`, and of the temporary files of killed runs in it.
_FOLDER = re.compile(r"[0-9a-f]{16}")
_TEMPORARY = re.compile(rf"\.({CHUNK_FILE.pattern}|{re.escape(KEY_FILE)})\.[0-9a-f]{{32}}")


def remove_vectors(root: Path, texts: TextHashes, *, only_count: bool = False) -> int:
    """Remove the cached vectors of these texts, and return their number.

    A chunk is written again without them, under a new name, before the old one is deleted. Its modification time,
    by which old chunks are deleted, stays. Temporary files and vectors without hashes, which killed runs have left and
    whose texts nobody knows, are deleted. Only files with names of the store are touched.

    Args:
        root: The folder that holds a folder for each model; it may be missing.
        texts: Hashes of the texts.
        only_count: Whether to change nothing.

    Raises:
        StorageError: A chunk is damaged, or the disk is full.
    """
    removed = 0
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        key = read_if_exists(folder / KEY_FILE) if _FOLDER.fullmatch(folder.name) else None
        if key is None or name_cache_folder(key) != folder.name:
            continue
        for file in sorted(folder.iterdir()):
            chunk = CHUNK_FILE.fullmatch(file.name)
            if chunk and chunk[2] == "hashes":
                removed += _remove_from_chunk(file, texts, only_count=only_count)
            elif _TEMPORARY.fullmatch(file.name) and not only_count:
                file.unlink(missing_ok=True)
        for file in [] if only_count else sorted(folder.glob("*.vectors")):
            if CHUNK_FILE.fullmatch(file.name) and not file.with_suffix(".hashes").exists():
                file.unlink()
    return removed


def _remove_from_chunk(file: Path, texts: TextHashes, *, only_count: bool) -> int:
    hashes, checksum = read_hashes(file)
    is_doomed = _are_among(hashes, texts)
    if only_count or not is_doomed.any():
        return int(is_doomed.sum())
    vectors = file.with_suffix(".vectors")
    content = vectors.read_bytes()
    if xxh3_128_digest(content) != checksum:
        raise damaged_chunk_error(vectors)
    times = file.stat()
    if not is_doomed.all():
        kept = np.frombuffer(content, np.uint8).reshape(len(hashes), -1)[~is_doomed].tobytes()
        index = hashes[~is_doomed].tobytes() + xxh3_128_digest(kept)
        name = hashlib.sha256(index).hexdigest()[:HASH_BYTES]
        for suffix, data in ((".vectors", kept), (".hashes", index + xxh3_128_digest(index))):
            new = file.with_name(f"{name}{suffix}")
            _replace(new, data)
            os.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))
    # The hashes first, so that no run finds a chunk whose vectors are gone.
    file.unlink()
    vectors.unlink(missing_ok=True)
    return int(is_doomed.sum())


def _are_among(hashes: TextHashes, texts: TextHashes) -> npt.NDArray[np.bool_]:
    near = np.flatnonzero(np.isin(hashes[:, 0], texts[:, 0]))
    doomed = set(map(tuple, texts.tolist()))
    found = np.zeros(len(hashes), bool)
    found[[row for row in near.tolist() if tuple(hashes[row].tolist()) in doomed]] = True
    return found


def _replace(file: Path, content: bytes) -> None:
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        with explaining_full_disk(f"{file} (the vector store, PERSONA_VECTOR_STORE)"):
            temporary.write_bytes(content)
            temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
