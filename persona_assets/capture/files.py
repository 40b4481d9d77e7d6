"""Find the files that a capture holds for a day."""

import datetime as dt
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from fsspec.implementations.local import LocalFileSystem
from upath import UPath

from persona_assets.errors import CaptureError

# A capture's layout, when no pattern is set: the only one of these that has files for the day.
KNOWN_LAYOUTS = ("bluesky-%Y-%m/%d", "%d", "%Y-%m-%d", "%Y/%m/%d")
_NAMES_NO_MONTH = "%d"

_DATE_IN_NAME = re.compile(r"(?<!\d)(20\d\d)-(\d\d)-(\d\d)(?:[-T_](\d\d))?(?!\d)")
_MONTH_AT_END = re.compile(r"(?<!\d)(20\d\d)-(\d\d)$")
_HOUR = re.compile(r"[01]\d|2[0-3]")
_NAMES_SHOWN = 20
# Folders in one another, below the day's own.
_MOST_DEPTH = 32
_TAKEN_FOR_URL = "a name that its file system takes for a URL: rename it"


class CaptureFile(NamedTuple):
    """One file of a day, or a folder that can't be listed or stands where a file should be."""

    path: UPath
    name: str  # below the capture's root, with "/"; bytes that are no UTF-8 and backslashes are escaped
    size: int  # bytes
    trouble: str | None = None  # why it can't be read, when listing has already shown it
    hour: int | None = None  # of the day, where a folder or the file's name tells it

    def open(self) -> BinaryIO:
        """Open the file for reading, unless a pipe or a device stands in its place: these may have no end.

        Raises:
            OSError: It can't be opened, or is no regular file.
        """
        if not _is_local(self.path):
            return self.path.open("rb")
        descriptor = os.open(self.path.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "Not a regular file")
        return os.fdopen(descriptor, "rb", buffering=0)


def find_files(root: UPath, day: dt.date, *, pattern: str | None) -> list[CaptureFile]:
    """Return the files of `day`, sorted by name.

    A day's folder may hold others: hours, or anything else. Names that start with a dot are passed by. Links are
    followed; a folder that several lead to is listed once.

    Args:
        root: The capture.
        day: The day, in UTC, as the capture names it.
        pattern: The day's folder below the root as strftime, or its only file; None tries `KNOWN_LAYOUTS`.

    Raises:
        CaptureError: There is no capture, or no file for the day (says what was looked for and what is there
            instead), or two layouts both have files for it.
    """
    root = root.absolute()
    if _is_local(root):
        root = _local(root.path)
    root.fs.invalidate_cache()  # a daemon would not see files that came after its first look
    if not root.is_dir():
        raise CaptureError(f"no capture folder at {root}: set PERSONA_CAPTURE to the folder that holds the days")
    layouts = (pattern,) if pattern else KNOWN_LAYOUTS
    found = {layout: _find_layout(root, day, layout, certain=pattern is not None) for layout in layouts}
    used = [layout for layout in layouts if found[layout]]
    if len(used) == 1:
        return sorted(found[used[0]], key=lambda file: file.name)
    tried = ", ".join(day.strftime(layout) for layout in used or layouts)
    if used:
        raise CaptureError(f"{day} lies at {tried} in the capture {root}: set PERSONA_CAPTURE_PATTERN to one of them")
    raise CaptureError(
        f"no file for {day} in the capture {root}: looked for {tried}; there is {_list_folders(root)}. "
        "Set PERSONA_CAPTURE_PATTERN to a day's folder as strftime, such as %Y/%m/%d"
    )


def digest_files(files: Sequence[CaptureFile]) -> str:
    """Return 16 hexadecimal digits that change when a file comes, goes, or gets another size."""
    listed = [(file.name, file.size) for file in sorted(files, key=lambda file: file.name)]
    return hashlib.sha256(repr(listed).encode()).hexdigest()[:16]


def find_missing_hours(files: Sequence[CaptureFile]) -> list[int] | None:
    """Return the hours of the day that no file is of, or None when names tell no hours."""
    present = {file.hour for file in files if file.hour is not None}
    return [hour for hour in range(24) if hour not in present] if present else None


def _find_layout(root: UPath, day: dt.date, layout: str, *, certain: bool) -> list[CaptureFile]:
    place = root / day.strftime(layout)
    if place.is_file():
        files = [CaptureFile(place, _name(root, place), place.stat().st_size)]
    elif place.is_dir():
        files = list(_Walk(root, place, day).walk(place))
    else:
        return []
    return _keep_month(files, root, day) if layout == _NAMES_NO_MONTH and not certain else files


class _Walk:
    """A walk through the folders of a day, each of which it enters once, however many links lead to it."""

    def __init__(self, root: UPath, place: UPath, day: dt.date) -> None:
        self._root, self._day = root, day
        self._above = len(place.path.rstrip("/").split("/"))
        # A link from the day to the capture, or to what it lies in, leads back to itself.
        self._entered = {_identify(folder) for folder in place.parents}

    def walk(self, folder: UPath) -> Iterator[CaptureFile]:
        """Yield every file below `folder`; what can't be read, and listing shows it, is yielded with its trouble."""
        try:
            trouble = self._enter(folder)
            entries: list[dict[str, Any]] = [] if trouble else folder.fs.ls(folder.path, detail=True)
        except OSError as error:
            trouble, entries = f"the folder can't be listed: {error.strerror or type(error).__name__}", []
        if trouble:
            yield CaptureFile(folder, _name(self._root, folder), 0, trouble)
        # Folders before links to them, whatever order the disk has them in.
        for entry in sorted(entries, key=lambda entry: (bool(entry.get("islink")), entry["name"])):
            name = _last_part(entry)
            if name.startswith(".") or str(entry["name"]).rstrip("/") == folder.path.rstrip("/"):
                continue  # the second: an object store may list a folder in itself
            if (path := _join(folder, name)) is None:
                size = int(entry["size"] or 0)
                yield CaptureFile(folder, f"{_name(self._root, folder)}/{_escape(name)}", size, _TAKEN_FOR_URL)
            else:
                yield from self._walk_entry(path, entry)

    def _walk_entry(self, path: UPath, entry: dict[str, Any]) -> Iterator[CaptureFile]:
        kind = _kind_of(entry)
        name = _name(self._root, path)
        if kind == "directory":
            inside = list(self.walk(path))
            if not inside and not _HOUR.fullmatch(path.name):
                inside = [CaptureFile(path, name, 0, "a folder where a file should be")]
            yield from inside
        elif kind == "other":
            yield CaptureFile(path, name, 0, "not a file, folder or link")
        else:
            inside_day = path.path.split("/")[self._above :]
            yield CaptureFile(path, name, int(entry["size"] or 0), hour=_hour_of(inside_day, self._day))

    def _enter(self, folder: UPath) -> str | None:
        """Note that a folder is listed, or return why it must not be."""
        if folder.path.rstrip("/").count("/") - self._above >= _MOST_DEPTH:
            return f"folders in one another, more than {_MOST_DEPTH} deep"
        identity = _identify(folder)
        if identity in self._entered:
            return "a folder that was listed under another name: a link leads back to it"
        self._entered.add(identity)
        return None


def _is_local(path: UPath) -> bool:
    return isinstance(path.fs, LocalFileSystem)


def _local(path: str) -> UPath:
    """Return a path that is taken as it is: of `a::b` UPath would else make a chain of file systems."""
    return UPath(path, protocol="")


def _join(folder: UPath, name: str) -> UPath | None:
    """Return the path of what lies in a folder, or None when its name means something else to the file system."""
    if _is_local(folder):
        return _local(f"{folder.path.rstrip('/')}/{name}")
    try:
        path = folder / name
    except ValueError:
        return None
    return path if path.name == name else None


def _last_part(entry: Mapping[str, Any]) -> str:
    return str(entry["name"]).rstrip("/").rpartition("/")[2]


def _identify(folder: UPath) -> tuple[int, int] | str:
    """Return what is the same whichever links lead to a folder; other file systems than the local have none."""
    if not _is_local(folder):
        return folder.path.rstrip("/")
    found = Path(folder.path).stat()
    return found.st_dev, found.st_ino


def _kind_of(entry: Mapping[str, Any]) -> str:
    """Return what a folder's entry is, or what it leads to; if nowhere, opening it will say so."""
    if not entry.get("islink"):
        return str(entry["type"])
    try:
        mode = Path(entry["name"]).stat().st_mode
    except OSError:
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "file" if stat.S_ISREG(mode) else "other"


def _name(root: UPath, path: UPath) -> str:
    return _escape(path.path.removeprefix(root.path).lstrip("/"))


def _escape(name: str) -> str:
    r"""Return a name in valid UTF-8, another one for each: byte FF is `\xff`, and a backslash two."""
    return name.replace("\\", "\\\\").encode(errors="surrogateescape").decode(errors="backslashreplace")


def _keep_month(files: list[CaptureFile], root: UPath, day: dt.date) -> list[CaptureFile]:
    """Keep files of `ROOT/DD` only where the root's name or their own names say that this is the month's DD.

    A name may be a day off: a file that was open at midnight belongs to the folder that it lies in.
    """
    if month := _MONTH_AT_END.search(root.name):
        return files if (int(month[1]), int(month[2])) == (day.year, day.month) else []
    dates = [_date_of(file.name) for file in files]
    near = [date is not None and abs(date - day) <= dt.timedelta(days=1) for date in dates]
    if not any(near):
        return []
    return [file for file, date, is_near in zip(files, dates, near, strict=True) if is_near or date is None]


def _date_of(name: str) -> dt.date | None:
    found = _DATE_IN_NAME.search(name.rpartition("/")[2])
    if not found:
        return None
    try:
        return dt.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def _hour_of(inside: Sequence[str], day: dt.date) -> int | None:
    """Return the hour that a file is of: its folder `HH`, in the day's own, or a name such as `...2025-03-01-07...`.

    A file that is named after another day was open at midnight: it is of no hour of this one.
    """
    *folders, name = inside
    if folders and _HOUR.fullmatch(folders[-1]):
        return int(folders[-1])
    found = _DATE_IN_NAME.search(name)
    if not found or not found[4] or not _HOUR.fullmatch(found[4]):
        return None
    return int(found[4]) if _date_of(name) == day else None


def _list_folders(root: UPath) -> str:
    """Say which folders there are: names of files may tell more than a log should."""
    entries: list[dict[str, Any]] = root.fs.ls(root.path, detail=True)
    names = sorted(f"{_escape(_last_part(entry))}/" for entry in entries if _kind_of(entry) == "directory")
    more = len(names) - _NAMES_SHOWN
    return (", ".join(names[:_NAMES_SHOWN]) or "no folder") + (f" and {more} more" if more > 0 else "")
