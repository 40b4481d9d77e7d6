"""Find the files that a capture holds for a day."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import NamedTuple

from upath import UPath

from persona_assets.errors import CaptureError

# Tried in this order when no pattern is set; "%d" only where the root or the files name the month.
KNOWN_LAYOUTS = ("bluesky-%Y-%m/%d", "%d", "%Y-%m-%d", "%Y/%m/%d")
_MONTHLESS = "%d"

_DATE_IN_NAME = re.compile(r"(?<!\d)(20\d\d)-(\d\d)-(\d\d)(?:[-T_](\d\d))?(?!\d)")
_MONTH_IN_NAME = re.compile(r"(?<!\d)(20\d\d)-(\d\d)$")
_HOUR = re.compile(r"[01]\d|2[0-3]")
_NAMES_SHOWN = 20


class CaptureFile(NamedTuple):
    """One file of a day, or a folder that can't be read or stands where a file should be."""

    path: UPath
    name: str  # below the capture's root, with "/"
    size: int  # bytes; 0 when not known
    trouble: str | None = None  # why it can't be read, when listing has already shown it


def find_files(root: UPath, day: dt.date, *, pattern: str | None) -> list[CaptureFile]:
    """Return the files of `day`, sorted by name.

    Hidden files (a name that starts with a dot) are passed by. A folder may nest: hours, or anything else.

    Args:
        root: The capture.
        day: The day, in UTC, as the capture's folders name it.
        pattern: The day's folder below the root as strftime, or one file; None tries `KNOWN_LAYOUTS`.

    Raises:
        CaptureError: There is no capture, or no file for the day; says what was looked for and what is there.
    """
    if not root.is_dir():
        raise CaptureError(f"no capture at {root}: set PERSONA_CAPTURE to the folder that holds the days")
    tried = [day.strftime(layout) for layout in ((pattern,) if pattern else KNOWN_LAYOUTS)]
    for layout, below in zip((pattern,) if pattern else KNOWN_LAYOUTS, tried, strict=True):
        files = sorted(_walk(root, root / below), key=lambda file: file.name)
        if layout == _MONTHLESS and not pattern:
            files = _of_month(files, root, day)
        if files:
            return files
    raise CaptureError(
        f"no file for {day} in the capture {root}: looked for {_listed(tried)}; there is {_listed(_folders(root))}. "
        "Set PERSONA_CAPTURE_PATTERN to a day's folder as strftime, such as %Y/%m/%d"
    )


def hours_without_files(files: list[CaptureFile], day: dt.date) -> list[int] | None:
    """Return the hours of `day` that no file is named after, or None when names tell no hours.

    An hour is told by a folder `HH` or by a file name such as `...2025-03-01-07...`.
    """
    present = {hour for file in files if (hour := _hour_of(file.name, day)) is not None}
    return [hour for hour in range(24) if hour not in present] if present else None


def _walk(root: UPath, folder: UPath) -> Iterator[CaptureFile]:
    """Yield every file at or below `folder`; a folder that can't be listed is yielded with its trouble."""
    if folder.is_file():
        yield CaptureFile(folder, _below(root, folder), folder.stat().st_size)
        return
    if not folder.is_dir():
        return
    try:
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        yield CaptureFile(folder, _below(root, folder), 0, f"the folder can't be listed: {_why(error)}")
        return
    for path in inside:
        if path.is_dir():
            found = list(_walk(root, path))
            if not found and not _HOUR.fullmatch(path.name):
                found = [CaptureFile(path, _below(root, path), 0, "a folder where a file should be")]
            yield from found
        else:
            yield CaptureFile(path, _below(root, path), _size(path))


def _below(root: UPath, path: UPath) -> str:
    return path.path.removeprefix(root.path).lstrip("/")


def _size(path: UPath) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # opening it will say why


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _of_month(files: list[CaptureFile], root: UPath, day: dt.date) -> list[CaptureFile]:
    """Keep files of `ROOT/DD` only where the root's name or their own names say that it is this month's DD.

    A name may be a day off: a file that was open at midnight belongs to the folder that it lies in.
    """
    if month := _MONTH_IN_NAME.search(root.name):
        return files if (int(month[1]), int(month[2])) == (day.year, day.month) else []
    dated = [(file, _date_of(file.name)) for file in files]
    if not any(date and abs(date - day) <= dt.timedelta(days=1) for _, date in dated):
        return []
    return [file for file, date in dated if date is None or abs(date - day) <= dt.timedelta(days=1)]


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
    # The innermost folder HH; a layout such as "03/01" has a month and a day that look the same, so the
    # folder of the day itself does not count.
    if len(folders) > 1 and _HOUR.fullmatch(folders[-1]) and folders[-2:] != [f"{day:%m}", f"{day:%d}"]:
        return int(folders[-1])
    found = _DATE_IN_NAME.search(last)
    return int(found[4]) if found and found[4] and int(found[4]) < 24 else None  # noqa: PLR2004 - hours a day


def _folders(root: UPath) -> list[str]:
    return sorted(path.name + "/" for path in root.iterdir() if path.is_dir())


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return (", ".join(names[:_NAMES_SHOWN]) or "no folder") + (f" and {more} more" if more > 0 else "")
