"""One task of a worker process that parses: some files of a day, whose bytes are counted as they are read."""

import datetime as dt
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from persona_assets.assets.raw_events.read_files import ParsedFiles, read_files_into_runs
from persona_assets.capture.capture_file import CaptureFile
from persona_assets.forgotten_accounts.tombstones import Tombstones

# The array of `count_bytes_in`, of this process. It cannot be part of a task: shared memory reaches a process only when
# that is started.
_counters: list[Any] = []


class ParsingTask(NamedTuple):
    """The arguments of `read_files.read_files_into_runs`, and the number of the task."""

    number: int  # from 0
    files: Sequence[CaptureFile]
    day: dt.date
    folder: Path
    dictionaries: Mapping[int, bytes] | None
    tombstones: Tombstones | None


def count_bytes_in(bytes_read: Any) -> None:
    """Let the tasks of this process add the bytes of files that they read to an array with an integer per task."""
    _counters[:] = [bytes_read]


def read_task_into_runs(task: ParsingTask) -> ParsedFiles:
    """Read the files of a task, and count their bytes in the array of `count_bytes_in`, if that was called."""

    def add(count: int) -> None:
        for counter in _counters:
            counter[task.number] += count

    files = [_CountedFile.wrap(file, on_read=add) for file in task.files]
    return read_files_into_runs(files, task.day, task.folder, task.dictionaries, task.tombstones)


class _CountedFile(CaptureFile):
    """A capture file that says how many bytes are read from it."""

    on_read: Callable[[int], None]

    @classmethod
    def wrap(cls, file: CaptureFile, *, on_read: Callable[[int], None]) -> "_CountedFile":
        wrapped = cls(*file)
        wrapped.on_read = on_read
        return wrapped

    def open(self) -> BinaryIO:
        return io.BufferedReader(_CountedStream(super().open(), self.on_read))


class _CountedStream(io.RawIOBase):
    def __init__(self, stream: BinaryIO, on_read: Callable[[int], None]) -> None:
        self._stream, self._on_read = stream, on_read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._on_read(len(data))
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()
