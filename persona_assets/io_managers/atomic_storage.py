"""Replace files and folders atomically, on a local disk or any fsspec file system."""

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
from persona_assets.common.interrupts import deferring_signals
from persona_assets.errors import StorageError

# A temporary file or folder that has not changed for this long was left by a killed run.
ABANDONED_AFTER = dt.timedelta(days=1)
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}\.tmp(?P<replaced>\.old)?")
# Constants of Linux for `renameat2`: paths are relative to the working folder; the two paths are exchanged.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def is_local_path(path: UPath) -> bool:
    """Return whether `path` is on a local file system, not a remote one such as S3."""
    return isinstance(path.fs, LocalFileSystem)


def arrow_filesystem(fs: fsspec.AbstractFileSystem) -> pafs.FileSystem:
    """Convert an fsspec file system to a pyarrow one; for local files it is pyarrow's own, which is faster."""
    if isinstance(fs, LocalFileSystem):
        return pafs.LocalFileSystem()
    return pafs.PyFileSystem(pafs.FSSpecHandler(fs))


def temporary_sibling(path: UPath) -> UPath:
    """Return a new, unused path in the folder of `path`; its name starts with a dot, so that readers ignore it."""
    return path.parent / f".{path.name}.{uuid.uuid4().hex}.tmp"


def remove_old_temporary_files(folder: UPath) -> None:
    """Remove temporary files and folders in `folder` that killed runs left: those unchanged for a day.

    A result folder that was moved aside for a replacement that never came is moved back.
    """
    fs, before = folder.fs, dt.datetime.now(dt.UTC) - ABANDONED_AFTER
    for entry in fs.ls(folder.path, detail=False) if folder.exists() else ():  # object stores have no empty folders
        if not (temporary := _TEMPORARY.fullmatch(entry.rstrip("/").rpartition("/")[2])):
            continue
        target = folder / temporary["name"]
        # Another run may have removed it, another user may own it, and not every file system has modification times.
        with suppress(OSError, NotImplementedError):
            if temporary["replaced"] and is_local_path(folder) and not target.exists():
                Path(entry).rename(target.path)  # fails if another run has stored the replacement in the meantime
            elif max(fs.modified(path) for path in fs.find(entry) or [entry]) < before:
                fs.rm(entry, recursive=True)
    fs.invalidate_cache(folder.path)  # the listing is out of date


@contextmanager
def replacing_file(path: UPath) -> Generator[UPath]:
    """Yield a temporary path to write to; it atomically replaces `path` after the block, or is removed on an error.

    Raises:
        StorageError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_old_temporary_files(path.parent)
    temporary = temporary_sibling(path)
    try:
        with explaining_full_disk(path):
            yield temporary
            if is_local_path(path):
                Path(temporary.path).replace(path.path)
            else:
                path.fs.mv(temporary.path, path.path)
    finally:
        with deferring_signals():
            if temporary.exists():
                temporary.unlink()


@contextmanager
def replacing_folder(path: UPath, *, last_file: str, scratch: Path | None = None) -> Generator[Path]:
    """Yield a new local folder to write to; it replaces the folder `path` after the block, unless that fails.

    On a local disk, readers see either the old folder or the new one. If the system cannot exchange two folders (Linux
    can, on most file systems), they see none for an instant. A run that is killed in that instant leaves the old folder
    under a hidden name, and the next run that writes to the same parent folder restores it.

    On other file systems, where folders cannot be renamed, the folder is replaced file by file. `last_file` is removed
    first and written last, and a folder without it counts as absent.

    Args:
        path: The folder to replace.
        last_file: Name of the file that marks the folder as complete.
        scratch: Local folder in which a folder for another file system is built; not needed for local ones.

    Raises:
        StorageError: The disk is full, or `scratch` is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_old_temporary_files(path.parent)
    staging = Path(temporary_sibling(path).path) if is_local_path(path) else _scratch_folder(scratch, path.name)
    staging.mkdir(parents=True)
    try:
        with explaining_full_disk(path):
            yield staging
            if is_local_path(path):
                _replace(staging, Path(path.path))
            else:
                _upload(staging, path, last_file)
    finally:
        with deferring_signals():
            shutil.rmtree(staging, ignore_errors=True)


def link_or_copy(source: UPath, target: Path) -> None:
    """Put an unchanged file into another, local folder: as a second link to it where that is possible, else a copy."""
    if is_local_path(source):
        try:
            os.link(source.path, target)
        except OSError:  # not every file system has hard links
            shutil.copy2(source.path, target)
    else:
        source.fs.get_file(source.path, str(target))


def move_local_file(source: Path, target: UPath) -> None:
    """Move a local file to another path, which may be remote, where it is copied to. Not atomic."""
    if is_local_path(target):
        shutil.move(source, target.path)  # a rename if both are on the same disk
    else:
        target.fs.put_file(str(source), target.path)


def _scratch_folder(scratch: Path | None, name: str) -> Path:
    if scratch is None:
        raise StorageError("a folder for remote storage is built on a local disk first: pass scratch")
    return scratch / f"{name}.{uuid.uuid4().hex}"


def _replace(new: Path, target: Path) -> None:
    """Move a folder to `target`, also if other runs of the same day replace it at the same time."""
    while not _exchange(new, target):
        old = target.with_name(f"{new.name}.old")
        with suppress(FileNotFoundError):  # there is none, or another run of the same day has just moved it
            target.rename(old)
        try:
            new.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                with suppress(FileNotFoundError):
                    old.rename(target)
                raise
            shutil.rmtree(old, ignore_errors=True)  # another run was faster: replace its folder in the next round
        else:
            shutil.rmtree(old, ignore_errors=True)
            return
    shutil.rmtree(new, ignore_errors=True)  # after the exchange this is the old folder


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders atomically; return False if one is missing or the system does not support it."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None or not other.exists():
        return False
    sys.audit("os.rename", str(one), str(other), -1, -1)  # audited as the renames of `os` are
    paths = os.fsencode(one), os.fsencode(other)
    return rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0


def _upload(folder: Path, target: UPath, last_file: str) -> None:
    fs, marker = target.fs, target / last_file
    if marker.exists():
        marker.unlink()
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()}
    root = target.path.rstrip("/")
    for stale in fs.find(root) if target.exists() else ():
        if stale.removeprefix(root).lstrip("/") not in names:
            fs.rm_file(stale)
    target.mkdir(parents=True, exist_ok=True)
    for name in [*sorted(names - {last_file}), last_file]:
        remote = f"{root}/{name}"
        fs.makedirs(remote.rpartition("/")[0], exist_ok=True)
        fs.put_file(str(folder / name), remote)
