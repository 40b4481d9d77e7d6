"""List what is stored in a data folder, by how an account is removed from it."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from upath import UPath

from persona_assets.errors import ForgettingError

# What killed runs leave: `atomic_storage.temporary_sibling`, and the folder that it was to replace.
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}\.tmp(?P<replaced>\.old)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY_FOLDER_PARTS = 3  # <asset>/<day>/<file>
# What tells one version of a file from another: of a local disk, and of an object store.
_STAMPS = ("size", "mtime", "ino", "ETag", "etag", "LastModified", "updated")


class StoredFile(NamedTuple):
    """A file in the data folder: name, path, size, and a stamp that differs if it is replaced."""

    name: str  # path below the data folder
    path: UPath
    size: int
    stamp: tuple[Any, ...]


class StoredFiles(NamedTuple):
    """The files of a data folder: tables, folders of a day, other files and temporary ones."""

    tables: list[StoredFile]  # Parquet files outside of the folders of a day
    folders: dict[str, list[StoredFile]]  # by <asset>/<day>
    others: list[StoredFile]
    temporary: list[str]  # paths of files and folders that killed runs have left


def classify_stored_files(data: UPath, *, leave_out: Collection[str] = ()) -> StoredFiles:
    """List the files of a data folder as tables, folders of a day, other files and temporary ones.

    Args:
        data: The folder; it may be missing.
        leave_out: Folders and files below it that are not listed, as paths of its file system.

    Raises:
        ForgettingError: A link leads elsewhere: what is there would keep the account.
    """
    fs, root = data.fs, data.path.rstrip("/")
    fs.invalidate_cache()
    found: Any = fs.find(root, detail=True) if fs.exists(root) else {}
    tables, others = list[StoredFile](), list[StoredFile]()
    folders: defaultdict[str, list[StoredFile]] = defaultdict(list)
    temporary: dict[str, None] = {}
    for path, details in sorted(found.items()):
        if any(path == place or path.startswith(f"{place}/") for place in (one.rstrip("/") for one in leave_out)):
            continue
        name = path.removeprefix(root).lstrip("/")
        parts = name.split("/")
        left = next((number for number, part in enumerate(parts) if _TEMPORARY.fullmatch(part)), None)
        if left is not None:
            temporary["/".join([root, *parts[: left + 1]])] = None
            continue
        if details.get("type") != "file":
            raise ForgettingError(f"{path} is a link or no regular file: put what it stands for in its place")
        file = StoredFile(name, data / name, details["size"], make_version_stamp(details))
        if len(parts) >= _DAY_FOLDER_PARTS and _DAY.fullmatch(parts[1]):
            folders["/".join(parts[:2])].append(file)
        elif name.endswith(".parquet"):
            tables.append(file)
        else:
            others.append(file)
    return StoredFiles(tables, dict(folders), others, list(temporary))


def make_version_stamp(details: dict[str, Any]) -> tuple[Any, ...]:
    """Return values that identify a version of a file, such as its modification time, from its details."""
    return tuple(str(details.get(key)) for key in _STAMPS)


def require_unchanged(files: Iterable[StoredFile]) -> None:
    """Raise `ForgettingError` if a file was changed or removed since it was listed.

    Raises:
        ForgettingError: One has changed or is gone.
    """
    for file in files:
        fs = file.path.fs
        fs.invalidate_cache(str(file.path.parent.path))
        if not fs.exists(file.path.path) or make_version_stamp(fs.info(file.path.path)) != file.stamp:
            raise ForgettingError(
                f"{file.name} was changed by something else: stop all runs that write to these results, and run "
                "persona-forget again"
            )


def restore_moved_folders(stored: StoredFiles, data: UPath) -> None:
    """Move back folders that a killed run has moved aside without putting the new folder in place.

    Args:
        stored: What was listed.
        data: The data folder.
    """
    for place in stored.temporary:
        folder, _, last = place.rpartition("/")
        match = _TEMPORARY.fullmatch(last)
        if match and match["replaced"] and not data.fs.exists(f"{folder}/{match['name']}"):
            data.fs.mv(place, f"{folder}/{match['name']}", recursive=True)
