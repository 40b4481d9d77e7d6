"""What a recording has on disk: hour files, notes, and the state from which it continues after any interruption."""

from collections import Counter
from pathlib import Path
from typing import Any

from persona_assets.common.utc_times import HOUR_US, format_time
from persona_assets.recording.addresses import MICROSECONDS
from persona_assets.recording.day_notes import (
    add_gap_to_notes,
    add_recording_notes,
    build_recording_note,
    hours_since_epoch,
)
from persona_assets.recording.hour_files import HourFileWriter
from persona_assets.recording.json_files import read_json, write_json
from persona_assets.recording.results import Filters, Gap, Recording

STATE_NAME = ".recorder.json"
# What is written at a time: one zstd frame an hour. A crash costs at most this much, which is then read again.
_FLUSH_BYTES, _FLUSH_SECONDS = 8 << 20, 5.0
# Hours whose number of events the state keeps.
_HOURS_KEPT = 48
# An hour is over when the stream is so far beyond it: what a reconnection delivers again is then behind it.
_FINISH_AFTER_US = 60 * MICROSECONDS


class RecordingStore:
    """Files of a recording: hour files, what days lack, and the state from which to continue after an interruption."""

    def __init__(self, root: Path, filters: Filters, *, mode: str, keep_totals: bool) -> None:
        """Open the capture at `root`, and read the state in which an earlier recording left it.

        Args:
            root: The folder that the days lie in.
            filters: What is asked for, for the notes.
            mode: "live" or "replay", for the notes.
            keep_totals: Whether the totals continue those of an earlier process, as those of a replay do.
        """
        self._root, self._filters, self._mode, self._keeps_totals = root, filters, mode, keep_totals
        root.mkdir(parents=True, exist_ok=True)
        self._files = HourFileWriter(root)
        state = read_json(root / STATE_NAME)
        cursor = state.get("cursor_us")
        self.cursor_us: int | None = cursor if isinstance(cursor, int) else None
        self.is_complete = bool(state.get("is_complete"))
        self.totals = _read_totals(state) if keep_totals else Recording()
        self._events_by_hour = Counter(_read_hours(state))
        self._noted: set[tuple[Path, str]] = set()
        self._address = ""
        self._next_flush = 0.0
        self._bytes_before = self.totals.file_bytes

    @property
    def is_full(self) -> bool:
        """Whether the buffer of events has reached the size at which `flush` should be called."""
        return self._files.buffered_bytes >= _FLUSH_BYTES

    def set_server(self, address: str) -> None:
        """Set the server whose events follow, so that `.capture.json` of their days names it."""
        if self._address and address != self._address:
            self._write_files()
        self._address = address

    def add_event(self, time_us: int, line: bytes) -> None:
        """Count an event, and buffer its line for the file of its hour."""
        self._files.add_line(time_us, line)
        self._events_by_hour[time_us // HOUR_US] += 1
        totals = self.totals
        totals.events += 1
        totals.raw_bytes += len(line) + 1
        if totals.first_time_us is None or time_us < totals.first_time_us:
            totals.first_time_us = time_us
        if totals.last_time_us is None or time_us > totals.last_time_us:
            totals.last_time_us = time_us

    def write_gap(self, gap: Gap) -> None:
        """Write a gap to `.gaps.json` of each day that it overlaps; call it before the resume time passes the gap."""
        if gap.to_us <= gap.from_us:
            return
        add_gap_to_notes(self._root, gap)
        self.totals.gaps.append(gap)

    def flush_if_due(self, frontier_us: int | None, now: float) -> None:
        """Call `flush` if the buffer is full, or if the last flush was some seconds before `now`.

        Args:
            frontier_us: As in `flush`.
            now: Seconds of a monotonic clock.
        """
        if self.is_full or now >= self._next_flush:
            self.flush(frontier_us)
            self._next_flush = now + _FLUSH_SECONDS

    def flush(self, frontier_us: int | None) -> None:
        """Write all buffered events to disk, then the time to resume from; finish the files of hours that are over.

        Args:
            frontier_us: Position in the stream, up to which everything was received.
        """
        has_new = self._write_files()
        if frontier_us is not None and (has_new or frontier_us != self.cursor_us):
            self.cursor_us = frontier_us
            self._write_state()
            self._files.finish_before(frontier_us - _FINISH_AFTER_US)
        self.totals.files = self._files.finished

    def finish(self, *, is_complete: bool) -> None:
        """Give all files their final names, whether their hours are over or not, and write the state.

        Call `flush` first, for buffered events are not written.

        Args:
            is_complete: Whether the recording got all that it was asked for, as the state says from now on.
        """
        self._files.finish_all()
        self.totals.files = self._files.finished
        self.is_complete = is_complete
        self._write_state()

    def _write_files(self) -> bool:
        folders = self._files.flush()
        self.totals.file_bytes = self._bytes_before + self._files.written_bytes
        for folder in folders:
            if (folder, self._address) not in self._noted:
                add_recording_notes(folder, [build_recording_note(self._address, self._filters, mode=self._mode)])
                self._noted.add((folder, self._address))
        return bool(folders)

    def _write_state(self) -> None:
        state: dict[str, Any] = {"format": 1, "cursor_us": self.cursor_us, "is_complete": self.is_complete}
        if self.cursor_us is not None:
            state["cursor"] = format_time(self.cursor_us)
        for hour in sorted(self._events_by_hour)[:-_HOURS_KEPT]:
            del self._events_by_hour[hour]
        state["events_by_hour"] = {
            format_time(hour * HOUR_US)[:13]: count for hour, count in sorted(self._events_by_hour.items())
        }
        if self._keeps_totals:
            totals = self.totals
            state["totals"] = {
                "events": totals.events,
                "raw_bytes": totals.raw_bytes,
                "file_bytes": totals.file_bytes,
                "first_time_us": totals.first_time_us,
                "last_time_us": totals.last_time_us,
                "reconnects": totals.reconnects,
                "dropped": dict(totals.dropped),
                "gaps": [list(gap) for gap in totals.gaps],
            }
        write_json(self._root / STATE_NAME, state)


def _read_hours(state: dict[str, Any]) -> dict[int, int]:
    """Return the number of events by hour since 1970 of a state."""
    kept = state.get("events_by_hour", {})
    return {hours_since_epoch(hour): count for hour, count in kept.items()}


def _read_totals(state: dict[str, Any]) -> Recording:
    kept = state.get("totals", {})
    return Recording(
        events=kept.get("events", 0),
        raw_bytes=kept.get("raw_bytes", 0),
        file_bytes=kept.get("file_bytes", 0),
        gaps=[Gap(*gap) for gap in kept.get("gaps", [])],
        first_time_us=kept.get("first_time_us"),
        last_time_us=kept.get("last_time_us"),
        reconnects=kept.get("reconnects", 0),
        dropped=Counter(kept.get("dropped", {})),
    )
