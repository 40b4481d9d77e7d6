"""IO manager for data sets: one folder per day, `<data>/<asset>/<day>/`, with its card, shards and checksums."""

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import xxhash
from upath import UPath

from persona_assets.common.progress import reporting_progress
from persona_assets.common.scratch import Scratch
from persona_assets.errors import StorageError
from persona_assets.io_managers.atomic_storage import is_local_path, link_or_copy, replacing_folder
from persona_assets.io_managers.folder_checksums import (
    CHECKSUMS,
    read_checksum_file,
    read_verified,
    verify_listed_files,
    write_checksum_file,
    write_digests,
)
from persona_assets.io_managers.window_days import find_window_paths

# The file that marks a folder as complete.
CARD = "README.md"


@dataclass(frozen=True)
class ReleaseFolder:
    """The input value of assets that read a data set: one stored folder, whose files are read on demand."""

    path: UPath
    checksums: Mapping[str, str]  # by path from the folder


class ReleaseUPathIOManager(dg.UPathIOManager):
    """IO manager that stores a data set as a folder per day, and loads it as a `ReleaseFolder`."""

    def __init__(self, base_path: UPath, scratch: Scratch) -> None:
        """Store below `base_path`; a folder for remote storage is built in `scratch` first."""
        super().__init__(base_path)
        self._scratch = scratch

    def dump_to_path(self, context: dg.OutputContext, obj: Path, path: UPath) -> None:
        """Move the files of folder `obj` to a new folder with checksums, which then replaces `path`."""
        with (
            reporting_progress(context.log.info),
            replacing_folder(path, last_file=CARD, scratch=self._scratch.new_folder()) as folder,
        ):
            for entry in sorted(obj.iterdir()):
                _move(entry, folder / entry.name)
            write_checksum_file(folder, {})
            files = [file for file in folder.rglob("*") if file.is_file()]
            size = sum(file.stat().st_size for file in files)
        context.add_output_metadata(
            {"files": len(files), "size_bytes": size, "folder": dg.MetadataValue.path(str(path))}
        )

    def load_from_path(self, context: dg.InputContext, path: UPath) -> ReleaseFolder:
        """Return the folder of one day.

        Raises:
            StorageError: The folder is incomplete, or its files have changed since they were written.
        """
        checksums = read_checksum_file(path) if (path / CARD).exists() else None
        if checksums is None:
            raise StorageError(f"{path} has no {CARD}: materialize {context.asset_key.to_user_string()} again")
        if is_local_path(path):
            verify_listed_files(path, checksums)
        return ReleaseFolder(path, checksums)

    def load_partitions(self, context: dg.InputContext) -> ReleaseFolder:
        """Return the folder of the partition's day, the last day of the window."""
        return self.load_from_path(context, find_window_paths(context, self._get_paths_for_partitions(context))[-1])


class ReleaseIOManager(dg.ConfigurableIOManagerFactory[ReleaseUPathIOManager]):
    """Configures the IO manager for data sets below `base`, a path or fsspec URL."""

    base: str
    scratch: dg.ResourceDependency[Scratch]

    def create_io_manager(self, context: dg.InitResourceContext) -> ReleaseUPathIOManager:
        """Return the IO manager; nothing is written yet."""
        del context
        return ReleaseUPathIOManager(UPath(self.base).absolute(), self.scratch)


def _move(source: Path, target: Path) -> None:
    """Move a file or a folder: a rename if both are on one disk."""
    try:
        shutil.move(source, target)
    except shutil.Error as error:  # of a folder that is copied: the errors of all its files, as text
        if os.strerror(errno.ENOSPC) in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
        raise


def rewrite_card(path: UPath, change: Callable[[str], str]) -> None:
    """Replace the card of a data set on a local disk, and its digest, atomically; other files are the same files.

    Args:
        path: The folder. It may be a copy that has no checksums, and gets none.
        change: Returns the new content of the card.

    Raises:
        StorageError: There is no card, it is damaged, or the disk is full.
    """
    if not (path / CARD).exists():
        raise StorageError(f"{path} has no {CARD}: it is no data set, or not a whole one")
    checksums = read_checksum_file(path)
    card = change(read_verified(path / CARD, checksums).decode("utf-8")).encode("utf-8")
    with replacing_folder(path, last_file=CARD) as folder:
        shutil.copytree(
            path.path,
            folder,
            symlinks=True,
            ignore=lambda place, _: {CARD, CHECKSUMS} if Path(place) == Path(path.path) else set(),
            copy_function=lambda source, target: link_or_copy(UPath(source), Path(target)),
            dirs_exist_ok=True,
        )
        (folder / CARD).write_bytes(card)
        if checksums is not None:
            write_digests(folder, {**checksums, CARD: xxhash.xxh3_128_hexdigest(card)})


def withdraw_release(path: UPath) -> bool:
    """Remove a stored folder, its card first, so that it counts as absent at once; return whether there was one."""
    if not path.exists():
        return False
    (path / CARD).unlink(missing_ok=True)
    path.fs.rm(path.path, recursive=True)
    return True
