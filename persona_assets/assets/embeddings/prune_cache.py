"""Delete vectors that nobody has used for long, and nothing else."""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from persona_assets.assets.embeddings.vector_cache import CHUNK, KEY, name_folder

# A folder of `store.VectorStore`, and what a run leaves in it that is killed while it writes a file.
_FOLDER = re.compile(r"[0-9a-f]{16}")
_TEMPORARY = re.compile(rf"\.({CHUNK.pattern}|{re.escape(KEY)})\.[0-9a-f]{{32}}")
# The text of a key takes a few hundred bytes.
_MOST_KEY_BYTES = 1 << 16


def prune_store(root: Path, *, before: float) -> int:
    """Delete what was not used since an instant (seconds of the Unix epoch) and return how many bytes.

    Chunks, and what runs left that were killed while they wrote one. The folder may be any that the user has named, so
    only regular files go that have the name of such, out of folders that are named by the key they hold. Links are not
    followed.

    Args:
        root: Folder of all ways to make vectors, as given to `store.VectorStore`.
        before: Hashes go first, so that no run finds what is about to be deleted.
    """
    deleted = 0
    with suppress(FileNotFoundError):  # no vector was kept so far
        for name in _list(root):
            # Another run prunes too; a link, no folder, or another user's is none of ours.
            with suppress(OSError):
                if _FOLDER.fullmatch(name):
                    deleted += _prune_folder(root / name, before=before)
    return deleted


def _prune_folder(folder: Path, *, before: float) -> int:
    deleted = 0
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if name_folder(_read_key(here)) != folder.name:
            return 0
        for name in sorted(_list(here), key=lambda name: not name.endswith(".hashes")):
            with suppress(FileNotFoundError):  # another run prunes too
                found = os.stat(name, dir_fd=here, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_mtime < before and _may_go(name, here):
                    os.unlink(name, dir_fd=here)
                    deleted += found.st_size
    finally:
        os.close(here)
    return deleted


def _list(folder: Path | int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _read_key(here: int) -> bytes:
    # A FIFO would block the open.
    with os.fdopen(os.open(KEY, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here), "rb") as file:
        return file.read(_MOST_KEY_BYTES)


def _may_go(name: str, here: int) -> bool:
    """Say whether an old file is of the store's own making, and nothing that is still there needs it."""
    if _TEMPORARY.fullmatch(name):
        return True
    chunk = CHUNK.fullmatch(name)
    return chunk is not None and (chunk[2] == "hashes" or not _exists(f"{chunk[1]}.hashes", here))


def _exists(name: str, here: int) -> bool:
    try:
        os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
