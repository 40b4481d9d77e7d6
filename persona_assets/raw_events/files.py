"""Find the files that a capture holds for a day."""

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from upath import UPath

from persona_assets.errors import CaptureError

# A capture's layout, when no pattern is set: the only one of these that has files for the day.
KNOWN_LAYOUTS = ("bluesky-%Y-%m/%d", "%d", "%Y-%m-%d", "%Y/%m/%d")
_NAMES_NO_MONTH = "%d"

_DATE_IN_NAME = re.compile(r"(?<!\d)(20\d\d)-(\d\d)-(\d\d)(?:[-T_](\d\d))?(?!\d)")
_MONTH_AT_END = re.compile(r"(?<!\d)(20\d\d)-(\d\d)$")
_HOUR = re.compile(r"[01]\d|2[0-3]")
_NAMES_SHOWN = 20


class CaptureFile(NamedTuple):
    """One file of a day, or a folder that can't be listed or stands where a file should be."""

    path: UPath
    name: str  # below the capture's root, with "/"
    size: int  # bytes
    trouble: str | None = None  # why it can't be read, when listing has already shown it


def find_files(root: UPath, day: dt.date, *, pattern: str | None) -> list[CaptureFile]:
    """Return the files of `day`, sorted by name.

    A day's folder may hold others: hours, or anything else. Names that start with a dot are passed by.

    Args:
        root: The capture.
        day: The day, in UTC, as the capture names it.
        pattern: The day's folder below the root as strftime, or its only file; None tries `KNOWN_LAYOUTS`.

    Raises:
        CaptureError: There is no capture, or no file for the day (says what was looked for and what is there
            instead), or two layouts both have files for it.
    """
    root = root.absolute()
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


def find_missing_hours(files: Sequence[CaptureFile], day: dt.date) -> list[int] | None:
    """Return the hours of `day` that no file is named after, or None when names tell no hours.

    An hour is told by a folder `HH` in the day's own, or by a file name such as `...2025-03-01-07...`.
    """
    present = {hour for file in files if (hour := _hour_of(file.name, day)) is not None}
    return [hour for hour in range(24) if hour not in present] if present else None


def _find_layout(root: UPath, day: dt.date, layout: str, *, certain: bool) -> list[CaptureFile]:
    place = root / day.strftime(layout)
    if place.is_file():
        files = [CaptureFile(place, _name(root, place), place.stat().st_size)]
    elif place.is_dir():
        files = list(_walk(root, place))
    else:
        return []
    return _keep_month(files, root, day) if layout == _NAMES_NO_MONTH and not certain else files


def _walk(root: UPath, folder: UPath) -> Iterator[CaptureFile]:
    """Yield every file below `folder`; what can't be read, and listing shows it, is yielded with its trouble."""
    try:
        entries: list[dict[str, Any]] = folder.fs.ls(folder.path, detail=True)
    except OSError as error:
        why = error.strerror or type(error).__name__
        yield CaptureFile(folder, _name(root, folder), 0, f"the folder can't be listed: {why}")
        return
    for entry in entries:
        path = folder / str(entry["name"]).rstrip("/").rpartition("/")[2]
        if path.name.startswith(".") or path.path.rstrip("/") == folder.path.rstrip("/"):
            continue  # the second: an object store may list a folder in itself
        link = bool(entry.get("islink"))
        if entry["type"] == "directory" or (link and path.is_dir()):
            inside = list(_walk(root, path))
            if not inside and not _HOUR.fullmatch(path.name):
                inside = [CaptureFile(path, _name(root, path), 0, "a folder where a file should be")]
            yield from inside
        else:
            trouble = None if link or entry["type"] == "file" else "not a file, folder or link"
            yield CaptureFile(path, _name(root, path), int(entry["size"] or 0), trouble)


def _name(root: UPath, path: UPath) -> str:
    return path.path.removeprefix(root.path).lstrip("/")


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


def _hour_of(name: str, day: dt.date) -> int | None:
    *folders, last = name.split("/")
    # In the layout %Y/%m/%d the folder of the day itself looks like one of an hour.
    is_day = not folders[:-1] or folders[-2:] == [f"{day:%m}", f"{day:%d}"]
    if folders and not is_day and _HOUR.fullmatch(folders[-1]):
        return int(folders[-1])
    found = _DATE_IN_NAME.search(last)
    return int(found[4]) if found and found[4] and _HOUR.fullmatch(found[4]) else None


def _list_folders(root: UPath) -> str:
    """Say which folders there are: names of files may tell more than a log should."""
    names = sorted(f"{path.name}/" for path in root.iterdir() if path.is_dir())
    more = len(names) - _NAMES_SHOWN
    return (", ".join(names[:_NAMES_SHOWN]) or "no folder") + (f" and {more} more" if more > 0 else "")
