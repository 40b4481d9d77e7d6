"""Read some files of a day into sorted runs, counting all that is met: the work of one process."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.raw_events import events
from persona_assets.raw_events.decode import RefusedLineError, is_user_id, look_again
from persona_assets.raw_events.events import Event
from persona_assets.raw_events.files import CaptureFile
from persona_assets.raw_events.lines import Broken, Lines, Overlong, read_lines
from persona_assets.raw_events.runs import BUCKETS, build_table, count_kinds, write_run
from persona_assets.tables import RAW_LIMIT_BYTES

# Bytes of lines that become one run; a reader's memory is some eight times as much.
RUN_BYTES = 1 << 25
# Rejected lines are spooled this many at a time, or this many of their bytes.
_REJECTED_ROWS, _REJECTED_BYTES = 4096, 1 << 24
# Ids of users that were found well-formed are remembered: a look-up costs a tenth of the check.
_KNOWN_USERS = 100_000

_BUCKET_OF: dict[type[events.Record], str] = {
    events.Post: "post",
    events.Like: "subject",
    events.Repost: "subject",
    events.Follow: "account",
    events.Block: "account",
    events.Profile: "profile",
}

REJECTED_SPOOL = pa.schema(
    [
        ("source_file", pa.string()),
        ("line_number", pa.int64()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
        ("raw_bytes", pa.int64()),
    ]
)


class Run(NamedTuple):
    """A file of events sorted by time."""

    path: Path
    fences: list[int]


@dataclass
class Counts:
    """What was met in the files; `lines` = events + rejected lines."""

    files: int = 0
    bytes: int = 0  # as they lie there, compressed or not
    line_bytes: int = 0  # of the lines, without their ends
    lines: int = 0  # where a file breaks off counts as a line
    broken_files: int = 0
    out_of_order: int = 0  # events earlier than one before them in their file
    outside_day: int = 0
    rejected: Counter[str] = field(default_factory=Counter[str])
    kinds: Counter[tuple[str, str | None, str | None]] = field(
        default_factory=Counter[tuple[str, str | None, str | None]]
    )

    def add(self, other: "Counts") -> None:
        """Add what another process counted."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def events(self) -> int:
        """Events of all kinds."""
        return self.kinds.total()


class Part(NamedTuple):
    """What one process made of its files."""

    runs: list[Run]
    rejected: Path  # an Arrow stream of REJECTED_SPOOL, in the order of the files and their lines
    counts: Counts


def read_files(files: Sequence[CaptureFile], day: dt.date, spool: Path) -> Part:
    """Read `files` in order into runs below `spool`, a new folder.

    Memory: some eight times `RUN_BYTES`, whatever the size and number of the files.
    """
    spool.mkdir()
    rejected = spool / "rejected.arrows"
    with pa.OSFile(str(rejected), "wb") as sink, pa.ipc.new_stream(sink, REJECTED_SPOOL) as writer:
        reader = _Reader(day, spool, writer)
        for file in files:
            reader.read(file)
        reader.flush_events()
        reader.flush_rejected()
    return Part(reader.runs, rejected, reader.counts)


class _Reader:
    """Events and rejected lines that are held until there are enough of them to be written."""

    def __init__(self, day: dt.date, spool: Path, rejected: pa.ipc.RecordBatchStreamWriter) -> None:
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
        self._day_us = [int(midnight.timestamp()) * 1_000_000 + days * 86_400_000_000 for days in (0, 1)]
        self._spool, self._sink = spool, rejected
        self._decode = msgspec.json.Decoder(Event).decode
        self._buckets: dict[str, list[Event]] = {name: [] for name in BUCKETS}
        self._held_bytes = 0
        self._rejected: list[tuple[str, int, str, bytes, int]] = []
        self._rejected_bytes = 0
        self._known: set[str] = set()
        self.runs: list[Run] = []
        self.counts = Counts()

    def read(self, file: CaptureFile) -> None:
        """Read one file to its end, or to where it breaks off."""
        self.counts.files += 1
        self.counts.bytes += file.size
        if file.trouble is not None:
            self._break_off(file, 0, Broken(file.trouble, b"", 0))
            return
        number, latest = 0, 0
        for piece in read_lines(lambda: file.path.open("rb")):
            match piece:
                case Lines(body):
                    lines = body.split(b"\n")
                    self.counts.lines += len(lines)
                    latest = self._take(file.name, lines, number + 1, latest, utf8=_is_utf8(body))
                    number += len(lines)
                    self._held_bytes += len(body)
                    self.counts.line_bytes += len(body) - len(lines) + 1
                case Overlong(head, length):
                    number += 1
                    self.counts.lines += 1
                    self.counts.line_bytes += length
                    self._reject((file.name, number), "a line longer than 16 MiB", head, length)
                case Broken():
                    self._break_off(file, number + 1 if number or piece.length else 0, piece)
            if self._held_bytes >= RUN_BYTES:
                self.flush_events()

    def flush_events(self) -> None:
        """Write the events held as one run."""
        self._held_bytes = 0
        if not any(self._buckets.values()):
            return
        table = build_table(self._buckets)
        for bucket in self._buckets.values():
            bucket.clear()
        self.counts.kinds += count_kinds(table)
        times = table["event_time_us"]
        inside = pc.and_(pc.greater_equal(times, self._day_us[0]), pc.less(times, self._day_us[1]))
        self.counts.outside_day += len(table) - (pc.sum(inside).as_py() or 0)
        path = self._spool / f"{len(self.runs)}.arrow"
        self.runs.append(Run(path, write_run(table, path)))

    def flush_rejected(self) -> None:
        """Write the rejected lines held."""
        if self._rejected:
            columns = [
                pa.array(column, kind)
                for column, kind in zip(zip(*self._rejected, strict=True), REJECTED_SPOOL.types, strict=True)
            ]
            self._sink.write_batch(pa.record_batch(columns, schema=REJECTED_SPOOL))
        self._rejected, self._rejected_bytes = [], 0

    def _take(self, name: str, lines: list[bytes], first: int, latest: int, *, utf8: bool) -> int:
        """Decode lines into buckets; return the latest time met in the file so far."""
        decode = self._decode if utf8 else self._decode_checked
        place, out_of_order = self._place, 0
        for number, line in enumerate(lines, first):
            try:
                event = decode(line)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                event = None
            if event is None or not place(event):
                try:
                    event = look_again(line)
                except RefusedLineError as error:
                    line = line.removesuffix(b"\r")  # noqa: PLW2901 - the rest of its line end
                    self._reject((name, number), error.reason, line, len(line))
                    continue
                place(event)
            if event.time_us < latest:
                out_of_order += 1
            else:
                latest = event.time_us
        self.counts.out_of_order += out_of_order
        return latest

    def _decode_checked(self, line: bytes) -> Event:
        """Decode a line of a block that is not all UTF-8: msgspec does not look at the fields it skips."""
        line.decode()
        return self._decode(line)

    def _place(self, event: Event) -> bool:
        """Put an event in its bucket, or say that it takes a second look."""
        if event.did not in self._known:
            if not is_user_id(event.did):
                return False
            if len(self._known) >= _KNOWN_USERS:
                self._known.clear()
            self._known.add(event.did)
        commit = event.commit
        if event.kind != "commit":
            if getattr(event, event.kind) is None:
                return False
            self._buckets["notice"].append(event)
            return True
        if commit is None:
            return False
        shape = events.TYPED.get(commit.collection)
        if shape is None or commit.operation == "delete":
            self._buckets["bare"].append(event)
        elif type(commit.record) is shape:
            self._buckets[_BUCKET_OF[shape]].append(event)
        else:
            return False
        return True

    def _break_off(self, file: CaptureFile, number: int, broken: Broken) -> None:
        self.counts.broken_files += 1
        self.counts.lines += 1
        self._reject((file.name, number), broken.reason, broken.head, broken.length)

    def _reject(self, at: tuple[str, int], reason: str, raw: bytes, length: int) -> None:
        self.counts.rejected[reason] += 1
        raw = raw[:RAW_LIMIT_BYTES]
        self._rejected.append((*at, reason, raw, length))
        self._rejected_bytes += len(raw)
        if len(self._rejected) >= _REJECTED_ROWS or self._rejected_bytes >= _REJECTED_BYTES:
            self.flush_rejected()


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
