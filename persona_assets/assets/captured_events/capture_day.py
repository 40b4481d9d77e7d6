"""Decide whether a day must be captured, and record it from the stream."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from upath import UPath

from persona_assets.capture.capture_file import CaptureFile
from persona_assets.capture.files import find_files
from persona_assets.common.utc_times import DayRange, find_day_range
from persona_assets.errors import CaptureFilesError
from persona_assets.recording.day_notes import RECORDED_LAYOUT, is_range_recorded, read_recording_notes
from persona_assets.recording.results import Recording


def is_day_recorded(root: Path, day: dt.date) -> bool:
    """Return whether the recorder has noted in the folder of `day` below `root` that it recorded the whole day.

    Args:
        root: The folder of the capture.
        day: The day.

    Raises:
        CaptureFilesError: The day has files that no recorder made. They are the user's, so nothing is added to them.
    """
    folder = root / day.strftime(RECORDED_LAYOUT)
    if is_range_recorded(folder, *find_day_range(day)):
        return True
    if list_recorded_files(root, day) and not read_recording_notes(folder):
        raise CaptureFilesError(
            f"{day} has files in the capture {root} that no recorder made; nothing is added to them. To use them, set "
            f"PERSONA_SOURCE=files. To capture the day, move the folder {folder.name} away"
        )
    return False


def list_recorded_files(root: Path, day: dt.date) -> list[CaptureFile]:
    """Return the files of `day` that `persona-record` wrote below `root`, sorted by name; may be empty."""
    try:
        return find_files(UPath(root), day, pattern=RECORDED_LAYOUT)
    except CaptureFilesError:  # no folder, or an empty one
        return []


def replay_day(day: dt.date, record_range: Callable[[DayRange], Recording]) -> Recording:
    """Record the missing rest of a past day, calling `record_range` until the end of the day is reached.

    Args:
        day: The day.
        record_range: Records a range of time: `recording.record.record_stream` with its other arguments.

    Raises:
        CaptureFilesError: The recording was stopped. The next one continues it.
        MissingEventsError: The stream lacks a part of the day. Nothing of the day is stored.
    """
    recording = record_range(find_day_range(day))
    if not recording.is_complete:
        raise CaptureFilesError(
            f"the recording of {day} was stopped before its end: materialize the day to continue it"
        )
    return recording
