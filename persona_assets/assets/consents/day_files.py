"""Which days of an asset are stored, and whether that has changed: runs of other days may store more at any time."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from persona_assets.common.parquet_checksums import verify_parquet

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class DayFile(NamedTuple):
    """Path, size and modification time of what is stored for a day; they differ if the day is made again."""

    path: str
    size: int | None  # None: a folder
    modified_ns: int | None


def list_days(filesystem: pafs.FileSystem, folder: str) -> Mapping[str, DayFile]:
    """Return the stored file or folder of each day of an asset, by day, ascending."""
    found = filesystem.get_file_info(pafs.FileSelector(folder, allow_not_found=True))
    named = {PurePosixPath(file.path).name.removesuffix(".parquet"): file for file in found}
    days = sorted(day for day in named if _DAY.fullmatch(day))
    return {day: DayFile(named[day].path, named[day].size, named[day].mtime_ns) for day in days}


def open_verified_days(
    dataset: pads.FileSystemDataset, files: Iterable[DayFile], *, verified: Iterable[str] = ()
) -> pads.FileSystemDataset:
    """Open other files of the same asset as a dataset like `dataset`, and verify their checksums.

    Args:
        dataset: An open dataset of the asset, for its schema, format and file system.
        files: The files.
        verified: Paths of files that have been verified.

    Raises:
        StorageError: A file has changed since it was written.
    """
    paths = [file.path for file in files]
    is_local = isinstance(dataset.filesystem, pafs.LocalFileSystem)
    for path in sorted(set(paths) - set(verified)):
        with dataset.filesystem.open_input_file(path) as file:
            verify_parquet(file, name=path, whole=is_local)
    return open_like(dataset, paths, dataset.schema)


def open_like(dataset: pads.FileSystemDataset, files: Iterable[str], schema: pa.Schema) -> pads.FileSystemDataset:
    """Open other files with the format and file system of `dataset`, and some of their columns, without verifying them.

    Args:
        dataset: An open dataset.
        files: Paths of the files.
        schema: The columns.
    """
    return pads.FileSystemDataset.from_paths(
        list(files), schema=schema, format=dataset.format, filesystem=dataset.filesystem
    )
