"""Write events to a file per hour: hidden while it grows, in place when its hour is over."""

import datetime as dt
import os
import re
from collections import defaultdict
from contextlib import AbstractContextManager
from pathlib import Path

import zstandard

from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.utc_times import HOUR_US, format_time
from persona_assets.errors import StorageError
from persona_assets.recording.json_files import sync_folder
from persona_assets.recording.zstd_tail import truncate_to_whole_frames

_PARTIAL = re.compile(r"\.(?P<hour>[01]\d|2[0-3])\.jsonl\.zst\.partial")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LEVEL = 3
# Hours that may be open at a time: broken clocks could name any number. The earliest is finished first.
_MAX_OPEN = 30


class HourFileWriter:
    """Writes events to one zstd file per hour (UTC); a file gets its final name when its hour is over."""

    def __init__(self, root: Path) -> None:
        """Find the files that an earlier recording left open, and cut each after its last whole frame."""
        self._root = root
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._lines: defaultdict[int, list[bytes]] = defaultdict(list)
        self._sizes: dict[int, int] = {}
        self.buffered_bytes = 0
        self.written_bytes = 0
        self.finished: list[Path] = []
        for path in sorted(root.glob("*/.*.partial")):
            found = _PARTIAL.fullmatch(path.name)
            if found and _DAY.fullmatch(path.parent.name):
                hour = _parse_hour(path.parent.name, int(found["hour"]))
                self._sizes[hour] = truncate_to_whole_frames(path)

    @property
    def has_open_files(self) -> bool:
        """Whether any file has not got its final name yet."""
        return bool(self._sizes)

    def add_line(self, time_us: int, line: bytes) -> None:
        """Add an event's line (without line end) to the buffer of its hour."""
        self._lines[time_us // HOUR_US].append(line)
        self.buffered_bytes += len(line) + 1

    def flush(self) -> list[Path]:
        """Write the buffered lines of each hour as one zstd frame, and fsync the files; return those files.

        Returns:
            The folders of the days that were written to.

        Raises:
            StorageError: The disk is full. The files are cut back to what was whole before.
        """
        folders: set[Path] = set()
        for hour in sorted(self._lines):
            path = self._partial(hour)
            frame = self._compressor.compress(b"\n".join([*self._lines[hour], b""]))
            with explaining_full_capture(self._root):
                self._make_folder(path.parent)
                self._append(path, hour, frame)
            self.buffered_bytes -= sum(map(len, self._lines[hour])) + len(self._lines[hour])
            self._lines[hour] = []
            folders.add(path.parent)
        self._lines.clear()
        while len(self._sizes) > _MAX_OPEN:
            self._finish(min(self._sizes))
        return sorted(folders)

    def finish_before(self, time_us: int) -> None:
        """Give their final names to the files of all hours that ended at `time_us` or before; flush first."""
        for hour in [hour for hour in self._sizes if (hour + 1) * HOUR_US <= time_us]:
            self._finish(hour)

    def finish_all(self) -> None:
        """Give all files their final names; flush first."""
        for hour in sorted(self._sizes):
            self._finish(hour)

    def _partial(self, hour: int) -> Path:
        time = format_time(hour * HOUR_US)
        return self._root / time[:10] / f".{time[11:13]}.jsonl.zst.partial"

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)

    def _append(self, path: Path, hour: int, frame: bytes) -> None:
        before = self._sizes.get(hour, 0)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.lseek(descriptor, before, os.SEEK_SET)
            try:
                _write_all(descriptor, frame)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)
        if hour not in self._sizes:
            sync_folder(path.parent)
        self._sizes[hour] = before + len(frame)
        self.written_bytes += len(frame)

    def _finish(self, hour: int) -> None:
        partial = self._partial(hour)
        if self._sizes.pop(hour):
            target = choose_free_hour_file(partial.parent, partial.name[1:3])
            partial.rename(target)
            self.finished.append(target)
        else:
            partial.unlink()
        sync_folder(partial.parent)


def choose_free_hour_file(folder: Path, hour: str) -> Path:
    """Return the first unused path for a file of an hour: `07.jsonl.zst`, then `07-2.jsonl.zst` and so on."""
    number, target = 1, folder / f"{hour}.jsonl.zst"
    while target.exists():
        number += 1
        target = folder / f"{hour}-{number}.jsonl.zst"
    return target


def _parse_hour(day: str, hour: int) -> int:
    return int((_day_number(day) * 24) + hour)


def _day_number(day: str) -> int:
    return (dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def explaining_full_capture(root: Path) -> AbstractContextManager[None]:
    """Raise an error that names the capture and the remedy when the block runs out of disk space."""
    return explaining_full_disk(root, describe=_full_capture_error)


def _full_capture_error(root: object) -> StorageError:
    return StorageError(
        f"no space left in the capture {root}: what was recorded before is whole; free space there and start "
        "again, which continues where recording stopped"
    )
