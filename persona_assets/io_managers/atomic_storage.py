"""Put files and folders in place whole or not at all, on a local disk or any fsspec file system."""

import ctypes
import datetime as dt
import errno
import os
import re
import shutil
import sys
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
import pyarrow.fs as pafs
from fsspec.implementations.local import LocalFileSystem
from upath import UPath

from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.interrupts import holding_signals
from persona_assets.errors import StorageError

# A temporary name that nothing was written to for so long is left of a run that was killed.
ABANDONED_AFTER = dt.timedelta(days=1)
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}\.tmp(?P<replaced>\.old)?")
# Of Linux: paths as they are, not below some folder; and the flag that lets two paths change places.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def is_local(path: UPath) -> bool:
    """Say whether `path` is on a file system of this machine, where a rename is atomic."""
    return isinstance(path.fs, LocalFileSystem)


def arrow_filesystem(fs: fsspec.AbstractFileSystem) -> pafs.FileSystem:
    """Return `fs` as pyarrow takes it; its own local one is faster than going through fsspec."""
    if isinstance(fs, LocalFileSystem):
        return pafs.LocalFileSystem()
    return pafs.PyFileSystem(pafs.FSSpecHandler(fs))


def temporary_sibling(path: UPath) -> UPath:
    """Return a hidden name in the same folder: readers that list a folder pass it by, and a rename suffices."""
    return path.parent / f".{path.name}.{uuid.uuid4().hex}.tmp"


def remove_abandoned(folder: UPath) -> None:
    """Remove what runs that were killed left in `folder`: temporary names that have not changed for a day.

    A folder that was put aside for a new one that never came is put back.
    """
    fs, before = folder.fs, dt.datetime.now(dt.UTC) - ABANDONED_AFTER
    for entry in fs.ls(folder.path, detail=False) if folder.exists() else ():  # object stores have no empty folders
        if not (temporary := _TEMPORARY.fullmatch(entry.rstrip("/").rpartition("/")[2])):
            continue
        place = folder / temporary["name"]
        # Another run may have removed it, it may be another user's, and not every file system knows times.
        with suppress(OSError, NotImplementedError):
            if temporary["replaced"] and is_local(folder) and not place.exists():
                Path(entry).rename(place.path)  # fails where another run has put the new one there meanwhile
            elif max(fs.modified(path) for path in fs.find(entry) or [entry]) < before:
                fs.rm(entry, recursive=True)
    fs.invalidate_cache(folder.path)  # what was listed is not to be believed later


@contextmanager
def replacing_file(path: UPath) -> Generator[UPath]:
    """Yield a temporary name to write to; renamed to `path` when the block ends well, removed when it does not.

    Raises:
        StorageError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent)
    temporary = temporary_sibling(path)
    try:
        with explaining_full_disk(path):
            yield temporary
            if is_local(path):
                Path(temporary.path).replace(path.path)
            else:
                path.fs.mv(temporary.path, path.path)
    finally:
        with holding_signals():
            if temporary.exists():
                temporary.unlink()


@contextmanager
def replacing_folder(path: UPath, *, last_file: str, scratch: Path | None = None) -> Generator[Path]:
    """Yield a local folder to fill; it takes the place of `path` when the block ends well.

    On a local disk a reader finds the old folder or the new one. Where the system can't let two folders change places
    (Linux can, on most file systems), it finds none for an instant, and a run that is killed in that instant leaves
    the old one under a hidden name, from which the next run that writes beside it takes it back. Elsewhere, where
    folders cannot be renamed, it is replaced file by file: `last_file` is removed first and written last,
    and a folder without it counts as absent.

    Raises:
        StorageError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent)
    here = Path(temporary_sibling(path).path) if is_local(path) else _scratch_folder(scratch, path.name)
    here.mkdir(parents=True)
    try:
        with explaining_full_disk(path):
            yield here
            if is_local(path):
                _swap(here, Path(path.path))
            else:
                _upload(here, path, last_file)
    finally:
        with holding_signals():
            shutil.rmtree(here, ignore_errors=True)


def _scratch_folder(scratch: Path | None, name: str) -> Path:
    if scratch is None:
        raise StorageError("a folder for a remote place is put together on a local disk first: pass scratch")
    return scratch / f"{name}.{uuid.uuid4().hex}"


def _swap(new: Path, place: Path) -> None:
    """Put a folder in its place, whatever other runs of the same day do there meanwhile."""
    while not _exchange(new, place):
        old = place.with_name(f"{new.name}.old")
        with suppress(FileNotFoundError):  # there is none, or another run of the same day has just taken it away
            place.rename(old)
        try:
            new.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                with suppress(FileNotFoundError):
                    old.rename(place)
                raise
            shutil.rmtree(old, ignore_errors=True)  # another run was faster: what it has put there is old in turn
        else:
            shutil.rmtree(old, ignore_errors=True)
            return
    shutil.rmtree(new, ignore_errors=True)  # the old one by now


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; return False where one is missing or the system can't do it."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None or not other.exists():
        return False
    sys.audit("os.rename", str(one), str(other), -1, -1)  # as Python's own renames are
    paths = os.fsencode(one), os.fsencode(other)
    return rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0


def _upload(folder: Path, place: UPath, last_file: str) -> None:
    fs, marker = place.fs, place / last_file
    if marker.exists():
        marker.unlink()
    names = {file.name for file in folder.iterdir()}
    for stale in place.iterdir() if place.exists() else ():
        if stale.name not in names:
            stale.unlink()
    place.mkdir(parents=True, exist_ok=True)
    for name in [*sorted(names - {last_file}), last_file]:
        fs.put_file(str(folder / name), (place / name).path)
