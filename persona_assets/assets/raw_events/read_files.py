"""Read some files of a day into sorted runs, counting all that is met: the work of one process."""

import datetime as dt
import gc
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.raw_events.fast_decode import BlockDecoder
from persona_assets.assets.raw_events.lenient_decode import Refused, read_line
from persona_assets.assets.raw_events.sorted_runs import EventBuffer, Run, count_kinds, write_run
from persona_assets.assets.raw_events.split_lines import Broken, Lines, Overlong, read_lines
from persona_assets.capture.files import CaptureFile
from persona_assets.common.collection_names import OTHER
from persona_assets.tables import RAW_LIMIT_BYTES

# Bytes of lines that become one run; a reader's memory is some eight times as much.
RUN_BYTES = 1 << 25
# Anyone may publish collections under any number of names.
_MOST_KINDS = 20_000
# Rejected lines are spooled this many at a time, or this many of their bytes.
_REJECTED_ROWS, _REJECTED_BYTES = 4096, 1 << 24
# A line of 16 MiB may hold hundreds of thousands of events: these are turned into columns before more are read.
_ABSORBED_AT_ONCE = 512
# Files without an event that are named; of the others there is the number.
FILES_NAMED = 20
REJECTED_SPOOL = pa.schema(
    [
        ("source_file", pa.string()),
        ("line_number", pa.int64()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
        ("raw_bytes", pa.int64()),
    ]
)


@dataclass
class Counts:
    """What was met in the files; `lines` + `extra_values` = events + rejected."""

    files: int = 0
    bytes: int = 0  # as they lie there, compressed or not
    line_bytes: int = 0  # of the lines, without their ends
    lines: int = 0  # where a file breaks off counts as a line
    extra_values: int = 0  # events and rejected objects beyond the first on their line
    cut_texts: int = 0  # texts longer than the lexicon allows, of which the beginning is kept
    cut_langs: int = 0  # declarations of more languages than it allows, or of longer names
    broken_files: int = 0
    bytes_not_read: int = 0  # of broken files, as they lie there
    files_without_events: int = 0  # of those that are not empty
    bytes_without_events: int = 0  # of those files
    named_without_events: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])  # the first, with bytes
    out_of_order: int = 0  # events earlier than one before them in their file
    outside_day: int = 0
    repeated: int = 0  # events that are another one again, in every column
    rejected: Counter[str] = field(default_factory=Counter[str])
    kinds: Counter[tuple[str, str | None, str | None]] = field(
        default_factory=Counter[tuple[str, str | None, str | None]]
    )

    def add(self, other: "Counts") -> None:
        """Add what another process counted."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.bound_kinds()

    def bound_kinds(self) -> None:
        """Count the rarest collections together where there are more than anyone will look at."""
        if len(self.kinds) > _MOST_KINDS:
            order = sorted(self.kinds.items(), key=lambda item: (-item[1], str(item[0])))
            self.kinds = Counter(dict(order[: _MOST_KINDS // 2]))
            for (kind, _, operation), count in order[_MOST_KINDS // 2 :]:
                self.kinds[kind, OTHER, operation] += count

    @property
    def events(self) -> int:
        """Events of all kinds."""
        return self.kinds.total()

    @property
    def events_read(self) -> int:
        """Events so far, those too that are not in `kinds` yet because they wait to be written."""
        return self.lines + self.extra_values - self.rejected.total()

    @property
    def repeated_share(self) -> float:
        """Share of events that are another one again."""
        return self.repeated / max(self.events, 1)

    @property
    def out_of_order_share(self) -> float:
        """Share of events that are earlier than one before them in their file."""
        return self.out_of_order / max(self.events, 1)

    @property
    def outside_day_share(self) -> float:
        """Share of events that are of another day."""
        return self.outside_day / max(self.events, 1)


class Part(NamedTuple):
    """What one process made of its files."""

    runs: list[Run]
    rejected: Path  # an Arrow stream of REJECTED_SPOOL, in the order of the files and their lines
    counts: Counts


def read_files(
    files: Sequence[CaptureFile], day: dt.date, spool: Path, dictionaries: Mapping[int, bytes] | None = None
) -> Part:
    """Read `files` in order into runs below `spool`, a new folder.

    Memory: some eight times `RUN_BYTES`, whatever the size and number of the files; and, for files that were compressed
    with a window of zstd that is larger than the usual 8 MiB, that window as far as there are data for it.
    """
    spool.mkdir()
    rejected = spool / "rejected.arrows"
    with (
        _without_collector(),
        pa.OSFile(str(rejected), "wb") as sink,
        pa.ipc.new_stream(sink, REJECTED_SPOOL) as writer,
    ):
        reader = _Reader(day, spool, writer, dictionaries or {})
        for file in files:
            reader.read(file)
        reader.flush_events()
        reader.flush_rejected()
    return Part(reader.runs, rejected, reader.counts)


@contextmanager
def _without_collector() -> Generator[None]:
    """Keep the cycle collector from looking through all events held, time and again: a twentieth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Reader:
    """Events and rejected lines that are held until there are enough of them to be written."""

    def __init__(
        self, day: dt.date, spool: Path, rejected: pa.ipc.RecordBatchStreamWriter, dictionaries: Mapping[int, bytes]
    ) -> None:
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
        self._day_us = [int(midnight.timestamp()) * 1_000_000 + days * 86_400_000_000 for days in (0, 1)]
        self._spool, self._sink, self._dictionaries = spool, rejected, dictionaries
        self._decoder = BlockDecoder()
        self._held = EventBuffer()
        self._held_bytes = 0
        self._rejected: list[tuple[str, int, str, bytes, int]] = []
        self._rejected_bytes = 0
        self.runs: list[Run] = []
        self.counts = Counts()

    def read(self, file: CaptureFile) -> None:
        """Read one file to its end, on from each place where it is damaged."""
        self.counts.files += 1
        self.counts.bytes += file.size
        events, lines = self.counts.events_read, self.counts.lines
        broken = self._read_pieces(file)
        self.counts.broken_files += broken
        # An hour without events is a file without lines, and not empty where it is compressed.
        if file.size and self.counts.lines > lines and self.counts.events_read == events:
            self.counts.files_without_events += 1
            self.counts.bytes_without_events += file.size
            if len(self.counts.named_without_events) < FILES_NAMED:
                self.counts.named_without_events.append((file.name, file.size))

    def _read_pieces(self, file: CaptureFile) -> bool:
        """Read what a file holds, and return whether there is more of it than could be read."""
        if file.trouble is not None:
            self._break_off((file.name, 0), Broken(file.trouble, b"", 0, file.size))
            return True
        number, latest, broken = 0, 0, False
        for piece in read_lines(file.open, size=file.size, dictionaries=self._dictionaries):
            match piece:
                case Lines(body):
                    lines, latest = self._take(file.name, body, number + 1, latest)
                    number += lines
                    self.counts.lines += lines
                    self.counts.line_bytes += len(body) - lines + 1
                    self._held_bytes += len(body)
                    self._held.absorb()
                case Overlong(head, length):
                    number += 1
                    self.counts.lines += 1
                    self.counts.line_bytes += length
                    self._reject((file.name, number), "a line longer than 16 MiB", head, length)
                case Broken():
                    number += bool(number or piece.length)
                    self._break_off((file.name, number), piece)
                    broken = True
            if self._held_bytes >= RUN_BYTES:
                self.flush_events()
        return broken

    def flush_events(self) -> None:
        """Write the events held as one run."""
        self._held_bytes = 0
        table = self._held.release()
        if not len(table):
            return
        self.counts.kinds += count_kinds(table)
        self.counts.bound_kinds()
        self.counts.cut_texts += self._held.cut_texts
        self.counts.cut_langs += self._held.cut_langs
        self._held.cut_texts = self._held.cut_langs = 0
        times = table["event_time_us"]
        inside = pc.and_(pc.greater_equal(times, self._day_us[0]), pc.less(times, self._day_us[1]))
        self.counts.outside_day += len(table) - (pc.sum(inside).as_py() or 0)
        self.runs.append(write_run(table, self._spool / f"{len(self.runs)}.arrow"))

    def flush_rejected(self) -> None:
        """Write the rejected lines held."""
        if self._rejected:
            columns = [
                pa.array(column, kind)
                for column, kind in zip(zip(*self._rejected, strict=True), REJECTED_SPOOL.types, strict=True)
            ]
            self._sink.write_batch(pa.record_batch(columns, schema=REJECTED_SPOOL))
        self._rejected, self._rejected_bytes = [], 0

    def _take(self, name: str, body: bytes, first: int, latest: int) -> tuple[int, int]:
        """Decode lines into events held; return how many lines there were and the latest time in the file so far."""
        events = self._decoder.decode(body)
        doubtful = self._held.add(events)
        if doubtful:
            lines = body.split(b"\n")
            again = {at: self._decode_leniently(name, first + at, lines[at]) for at in doubtful}
            times = [latest]
            for at, event in enumerate(events):
                times += again[at] if at in again or event is None else (event.time_us,)
        else:
            times = [event.time_us for event in events if event is not None]
            times.insert(0, latest)
        in_order = sorted(times)
        if times != in_order:
            self.counts.out_of_order += int((times < np.maximum.accumulate(times)).sum())
        return len(events), in_order[-1]

    def _decode_leniently(self, name: str, number: int, line: bytes) -> list[int]:
        """Hold the events of a line that takes a second look, and return their times."""
        times: list[int] = []
        values = 0
        for found in read_line(line):
            values += 1
            if isinstance(found, Refused):
                self._reject((name, number), found.reason, found.raw, len(found.raw))
                continue
            self._decoder.learn(found)
            self._held.add([found])
            times.append(found.time_us)
            if values % _ABSORBED_AT_ONCE == 0:
                self._held.absorb()
        self.counts.extra_values += values - 1
        return times

    def _break_off(self, at: tuple[str, int], broken: Broken) -> None:
        self.counts.lines += 1
        self.counts.bytes_not_read += broken.skipped
        self._reject(at, broken.reason, broken.head, broken.length)

    def _reject(self, at: tuple[str, int], reason: str, raw: bytes, length: int) -> None:
        self.counts.rejected[reason] += 1
        raw = raw[:RAW_LIMIT_BYTES]
        self._rejected.append((*at, reason, raw, length))
        self._rejected_bytes += len(raw)
        if len(self._rejected) >= _REJECTED_ROWS or self._rejected_bytes >= _REJECTED_BYTES:
            self.flush_rejected()
