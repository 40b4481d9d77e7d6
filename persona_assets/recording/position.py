"""Read how far the recorder of a capture is, from the state that it keeps there."""

from pathlib import Path
from typing import NamedTuple

from upath import UPath

from persona_assets.recording.json_files import read_json
from persona_assets.recording.store import STATE_NAME


class RecorderPosition(NamedTuple):
    """How far a recorder is: the time up to which all events are stored, and the events per hour."""

    cursor_us: int  # UTC microseconds: all events before it are on disk
    events_by_hour: dict[str, int]  # such as {"2025-03-01T07": 1_500_000}, the latest 48 hours with events


def read_recorder_position(root: UPath | Path) -> RecorderPosition | None:
    """Read from the state file below `root` how far the recorder is; None if nothing has recorded there.

    Args:
        root: The folder of the capture.
    """
    state = read_json(root / STATE_NAME)
    if not isinstance(cursor := state.get("cursor_us"), int):
        return None
    hours = state.get("events_by_hour", {})
    return RecorderPosition(cursor, {str(hour): int(count) for hour, count in sorted(hours.items())})
