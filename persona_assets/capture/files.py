"""Find the files of a capture that belong to a day, and the hours that have none."""

import datetime as dt
import hashlib
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from upath import UPath

from persona_assets.capture.capture_file import CaptureFile
from persona_assets.errors import CaptureFilesError

# Layouts that are tried when no pattern is set: exactly one of them must have files for the day.
KNOWN_LAYOUTS = ("bluesky-%Y-%m/%d", "%d", "%Y-%m-%d", "%Y/%m/%d")
_LAYOUT_WITHOUT_MONTH = "%d"

_DATE_IN_NAME = re.compile(r"(?<!\d)(20\d\d)-(\d\d)-(\d\d)(?:[-T_](\d\d))?(?!\d)")
_MONTH_AT_END = re.compile(r"(?<!\d)(20\d\d)-(\d\d)$")
_HOUR = re.compile(r"[01]\d|2[0-3]")
# Of a file that the project's recorder wrote.
_HOUR_FILE = re.compile(r"([01]\d|2[0-3])(?:-\d+)?\.jsonl\.zst")
_NAMES_SHOWN = 20
# Maximum depth of folders below the folder of the day.
_MAX_DEPTH = 32
_NAME_LIKE_URL = "a name that its file system takes for a URL: rename it"


def find_files(root: UPath, day: dt.date, *, pattern: str | None) -> list[CaptureFile]:
    """Return the files of `day` below `root`, sorted by name; `pattern` (strftime) or a known layout gives the folder.

    The folder of a day may have subfolders, for hours or anything else. Names that start with a dot are ignored. Links
    are followed; a folder with several links to it is listed once.

    Args:
        root: The folder of the capture.
        day: The day, in UTC, as the capture names it.
        pattern: strftime pattern of the folder of a day below `root`, or of its only file; None tries `KNOWN_LAYOUTS`.

    Raises:
        CaptureFilesError: `root` is not a folder; the day has no file (the message says where they were looked for, and
        which
            folders exist); or two layouts both have files for the day.
    """
    root = root.absolute()
    if _is_local(root):
        root = _literal_path(root.path)
    root.fs.invalidate_cache()  # a long-running daemon would not see newer files
    if not root.is_dir():
        raise CaptureFilesError(f"no capture folder at {root}: set PERSONA_CAPTURE to the folder that holds the days")
    layouts = (pattern,) if pattern else KNOWN_LAYOUTS
    found = {layout: _find_layout(root, day, layout, is_explicit=pattern is not None) for layout in layouts}
    used = [layout for layout in layouts if found[layout]]
    if len(used) == 1:
        files = sorted(found[used[0]], key=lambda file: file.name)
        return [file._replace(path=Path(str(file.path))) for file in files] if _is_local(root) else files
    tried = ", ".join(day.strftime(layout) for layout in used or layouts)
    if used:
        raise CaptureFilesError(
            f"{day} lies at {tried} in the capture {root}: set PERSONA_CAPTURE_PATTERN to one of them"
        )
    raise CaptureFilesError(
        f"no file for {day} in the capture {root}: looked for {tried}; there is {_list_folders(root)}. "
        "Set PERSONA_CAPTURE_PATTERN to a day's folder as strftime, such as %Y/%m/%d"
    )


def digest_files(files: Sequence[CaptureFile]) -> str:
    """Return a digest of the names and sizes, not the content, of files: 16 hexadecimal digits."""
    listed = [(file.name, file.size) for file in sorted(files, key=lambda file: file.name)]
    return hashlib.sha256(repr(listed).encode()).hexdigest()[:16]


def find_missing_hours(files: Sequence[CaptureFile]) -> list[int] | None:
    """Return the hours of the day (0 to 23) without files, or None if no name shows an hour."""
    present = {file.hour for file in files if file.hour is not None}
    return [hour for hour in range(24) if hour not in present] if present else None


def _find_layout(root: UPath, day: dt.date, layout: str, *, is_explicit: bool) -> list[CaptureFile]:
    place = root / day.strftime(layout)
    if place.is_file():
        files = [CaptureFile(place, _relative_name(root, place), place.stat().st_size)]
    elif place.is_dir():
        files = list(_FolderWalk(root, place, day).walk(place))
    else:
        return []
    return _keep_month(files, root, day) if layout == _LAYOUT_WITHOUT_MONTH and not is_explicit else files


class _FolderWalk:
    """Lists the files below a folder; each folder is entered once, however many links lead to it."""

    def __init__(self, root: UPath, place: UPath, day: dt.date) -> None:
        self._root, self._day = root, day
        self._depth_of_day = len(place.path.rstrip("/").split("/"))
        # Folders above count as entered: a link to one of them would lead back to the day.
        self._entered = {_folder_identity(folder) for folder in place.parents}

    def walk(self, folder: UPath) -> Iterator[CaptureFile]:
        """Yield every file below `folder`; whatever cannot be read is yielded with its `problem`."""
        try:
            problem = self._enter_once(folder)
            entries: list[dict[str, Any]] = [] if problem else folder.fs.ls(folder.path, detail=True)
        except OSError as error:
            problem, entries = f"the folder can't be listed: {error.strerror or type(error).__name__}", []
        if problem:
            yield CaptureFile(folder, _relative_name(self._root, folder), 0, problem)
        # Folders before links to them, so that the result does not depend on the order of the file system.
        for entry in sorted(entries, key=lambda entry: (bool(entry.get("islink")), entry["name"])):
            name = _base_name(entry)
            if name.startswith(".") or str(entry["name"]).rstrip("/") == folder.path.rstrip("/"):
                continue  # hidden; or the folder itself, which object stores may list as its own entry
            if (path := _child_path(folder, name)) is None:
                size = int(entry["size"] or 0)
                yield CaptureFile(folder, f"{_relative_name(self._root, folder)}/{_escape(name)}", size, _NAME_LIKE_URL)
            else:
                yield from self._walk_entry(path, entry)

    def _walk_entry(self, path: UPath, entry: dict[str, Any]) -> Iterator[CaptureFile]:
        kind = _kind_of(entry)
        name = _relative_name(self._root, path)
        if kind == "directory":
            inside = list(self.walk(path))
            if not inside and not _HOUR.fullmatch(path.name):
                inside = [CaptureFile(path, name, 0, "a folder where a file should be")]
            yield from inside
        elif kind == "other":
            yield CaptureFile(path, name, 0, "not a file, folder or link")
        else:
            inside_day = path.path.split("/")[self._depth_of_day :]
            yield CaptureFile(path, name, int(entry["size"] or 0), hour=_hour_of(inside_day, self._day))

    def _enter_once(self, folder: UPath) -> str | None:
        """Mark a folder as entered, and return None; or return why it must not be entered."""
        if folder.path.rstrip("/").count("/") - self._depth_of_day >= _MAX_DEPTH:
            return f"folders in one another, more than {_MAX_DEPTH} deep"
        identity = _folder_identity(folder)
        if identity in self._entered:
            return "a folder that was listed under another name: a link leads back to it"
        self._entered.add(identity)
        return None


def _is_local(path: UPath) -> bool:
    return isinstance(path.fs, LocalFileSystem)


def _literal_path(path: str) -> UPath:
    """Return a local path whose text is taken literally: UPath would read `a::b` as a chain of file systems."""
    return UPath(path, protocol="")


def _child_path(folder: UPath, name: str) -> UPath | None:
    """Return the path of an entry of a folder, or None if the file system would read its name as a URL."""
    if _is_local(folder):
        return _literal_path(f"{folder.path.rstrip('/')}/{name}")
    try:
        path = folder / name
    except ValueError:
        return None
    return path if path.name == name else None


def _base_name(entry: Mapping[str, Any]) -> str:
    return str(entry["name"]).rstrip("/").rpartition("/")[2]


def _folder_identity(folder: UPath) -> tuple[int, int] | str:
    """Return device and inode of a local folder, which are the same through any link; else its path."""
    if not _is_local(folder):
        return folder.path.rstrip("/")
    found = Path(folder.path).stat()
    return found.st_dev, found.st_ino


def _kind_of(entry: Mapping[str, Any]) -> str:
    """Return "directory", "file" or "other" for an entry, following links; a broken link is a "file".

    Opening the broken link later gives the error.
    """
    if not entry.get("islink"):
        return str(entry["type"])
    try:
        mode = Path(entry["name"]).stat().st_mode
    except OSError:
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "file" if stat.S_ISREG(mode) else "other"


def _relative_name(root: UPath, path: UPath) -> str:
    return _escape(path.path.removeprefix(root.path).lstrip("/"))


def _escape(name: str) -> str:
    r"""Escape a name to valid UTF-8 without collisions: byte FF becomes `\xff`, a backslash becomes two."""
    return name.replace("\\", "\\\\").encode(errors="surrogateescape").decode(errors="backslashreplace")


def _keep_month(files: list[CaptureFile], root: UPath, day: dt.date) -> list[CaptureFile]:
    """Keep the files of a folder `ROOT/DD` only if a name shows that they are of the month of `day`.

    Either the root's name ends with the month, or the files' names contain dates. A date may differ by a day: a file
    that was open at midnight belongs to the folder that it is in.
    """
    if month := _MONTH_AT_END.search(root.name):
        return files if (int(month[1]), int(month[2])) == (day.year, day.month) else []
    dates = [_date_in_name(file.name) for file in files]
    near = [date is not None and abs(date - day) <= dt.timedelta(days=1) for date in dates]
    if not any(near):
        return []
    return [file for file, date, is_near in zip(files, dates, near, strict=True) if is_near or date is None]


def _date_in_name(name: str) -> dt.date | None:
    found = _DATE_IN_NAME.search(name.rpartition("/")[2])
    if not found:
        return None
    try:
        return dt.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def _hour_of(inside: Sequence[str], day: dt.date) -> int | None:
    """Return the hour of a file by its folder `HH`, a name such as `...2025-03-01-07...`, or `07.jsonl.zst`; else None.

    A file whose name has another day was open at midnight, and has no hour of this day.

    Args:
        inside: Folders and file name, relative to the folder of the day.
        day: The day.
    """
    *folders, name = inside
    if folders and _HOUR.fullmatch(folders[-1]):
        return int(folders[-1])
    if recorded := _HOUR_FILE.fullmatch(name):
        return int(recorded[1])
    found = _DATE_IN_NAME.search(name)
    if not found or not found[4] or not _HOUR.fullmatch(found[4]):
        return None
    return int(found[4]) if _date_in_name(name) == day else None


def _list_folders(root: UPath) -> str:
    """Return the names of folders for an error message; names of files may be too private for a log."""
    entries: list[dict[str, Any]] = root.fs.ls(root.path, detail=True)
    names = sorted(
        f"{_escape(_base_name(entry))}/"
        for entry in entries
        if _kind_of(entry) == "directory" and not _base_name(entry).startswith(".")
    )
    more = len(names) - _NAMES_SHOWN
    return (", ".join(names[:_NAMES_SHOWN]) or "no folder") + (f" and {more} more" if more > 0 else "")
