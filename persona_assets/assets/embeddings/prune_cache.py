"""Delete cached vectors that were not used for a given time, and no other file."""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from persona_assets.common.vector_chunks import CHUNK_FILE, KEY_FILE, name_cache_folder

# The names of a folder of `VectorCache`, and of the temporary files that a killed run leaves in it.
_FOLDER = re.compile(r"[0-9a-f]{16}")
_TEMPORARY = re.compile(rf"\.({CHUNK_FILE.pattern}|{re.escape(KEY_FILE)})\.[0-9a-f]{{32}}")
# A key file has a few hundred bytes: no more than this is read of a file of its name.
_MAX_KEY_BYTES = 1 << 16


def prune_cache(root: Path, *, last_used_before: float) -> int:
    """Delete vectors last used before `last_used_before` (seconds since 1970) from the cache; return the bytes deleted.

    Users may name any folder as the cache. Only regular files with names of the cache are deleted, and only in folders
    whose name is the hash of the key file in them. Links are not followed. The hashes of a chunk are deleted before its
    vectors, so that no run finds a chunk that is about to be deleted.

    Args:
        root: The folder that `VectorCache` was given.
        last_used_before: Seconds since the Unix epoch, compared with the modification time of files.
    """
    deleted = 0
    with suppress(FileNotFoundError):  # nothing has been cached yet
        for name in _list(root):
            # Skips what is no folder, is a link or belongs to another user, and what another run deletes meanwhile.
            with suppress(OSError):
                if _FOLDER.fullmatch(name):
                    deleted += _prune_folder(root / name, before=last_used_before)
    return deleted


def _prune_folder(folder: Path, *, before: float) -> int:
    deleted = 0
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if name_cache_folder(_read_key(here)) != folder.name:
            return 0
        for name in sorted(_list(here), key=lambda name: not name.endswith(".hashes")):
            with suppress(FileNotFoundError):  # another run deletes files too
                found = os.stat(name, dir_fd=here, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_mtime < before and _may_be_deleted(name, here):
                    os.unlink(name, dir_fd=here)
                    deleted += found.st_size
    finally:
        os.close(here)
    return deleted


def _list(folder: Path | int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _read_key(here: int) -> bytes:
    # Without O_NONBLOCK, opening a named pipe would block.
    with os.fdopen(os.open(KEY_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here), "rb") as file:
        return file.read(_MAX_KEY_BYTES)


def _may_be_deleted(name: str, here: int) -> bool:
    """Return whether a file has a name of the cache, and is no vectors file whose hashes still exist."""
    if _TEMPORARY.fullmatch(name):
        return True
    chunk = CHUNK_FILE.fullmatch(name)
    return chunk is not None and (chunk[2] == "hashes" or not _exists(f"{chunk[1]}.hashes", here))


def _exists(name: str, here: int) -> bool:
    try:
        os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
