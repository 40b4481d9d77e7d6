"""Read some files of a day into sorted runs and a stream of rejected lines: the work of one process."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.archive.blocks import Block
from persona_assets.archive.event_lines import format_event_line
from persona_assets.assets.raw_events.event_buffer import EventBuffer
from persona_assets.assets.raw_events.fast_decode import BlockDecoder
from persona_assets.assets.raw_events.lenient_decode import RejectedValue, decode_line_leniently
from persona_assets.assets.raw_events.read_counts import (
    EVENTS_ABOUT_FORGOTTEN,
    FORGOTTEN_EVENTS,
    FORGOTTEN_LINES,
    MAX_FILES_NAMED,
    ReadCounts,
)
from persona_assets.assets.raw_events.read_segments import SEGMENT_SUFFIX, read_blocks
from persona_assets.assets.raw_events.segment_rows import convert_block_rows
from persona_assets.assets.raw_events.sorted_runs import SortedRun, count_event_types, write_sorted_run
from persona_assets.assets.raw_events.split_lines import (
    LINE_LIMIT_BYTES,
    LineBlock,
    OverlongLine,
    ReadFailure,
    read_lines,
)
from persona_assets.capture.capture_file import CaptureFile
from persona_assets.common.garbage_collector import garbage_collector_off
from persona_assets.forgotten_accounts.events import forget_events, names_forgotten
from persona_assets.forgotten_accounts.tombstones import Tombstones
from persona_assets.tables import RAW_LIMIT_BYTES

# Bytes of lines per run; the memory of a reader is about eight times as much.
RUN_BYTES = 1 << 25
_OVERLONG = "a line longer than 16 MiB"
# Rejected lines are written to their stream in batches of this many lines, or of this many bytes.
_REJECTED_ROWS, _REJECTED_BYTES = 4096, 1 << 24
# A line of 16 MiB may hold hundreds of thousands of events: they are converted to columns this many at a time.
_EVENTS_PER_CONVERSION = 512
REJECTED_STREAM_SCHEMA = pa.schema(
    [
        ("source_file", pa.string()),
        ("line_number", pa.int64()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
        ("raw_bytes", pa.int64()),
    ]
)


class ParsedFiles(NamedTuple):
    """Result of one worker process: sorted runs of events, a stream of rejected lines, and counts."""

    runs: list[SortedRun]
    rejected: Path  # an Arrow stream of REJECTED_STREAM_SCHEMA, in the order of files and lines
    counts: ReadCounts


def read_files_into_runs(
    files: Sequence[CaptureFile],
    day: dt.date,
    folder: Path,
    dictionaries: Mapping[int, bytes] | None = None,
    tombstones: Tombstones | None = None,
) -> ParsedFiles:
    """Parse capture files in order; write their events as sorted runs and rejected lines as a stream to `folder`.

    Memory: about eight times `RUN_BYTES`, whatever the size and number of the files. A file that was compressed with a
    zstd window larger than the usual 8 MiB needs that window on top, as far as it has data. Accounts that have
    `tombstones` are left out and counted.
    """
    folder.mkdir()
    rejected = folder / "rejected.arrows"
    with (
        garbage_collector_off(),  # it takes 5 % of the time
        pa.OSFile(str(rejected), "wb") as sink,
        pa.ipc.new_stream(sink, REJECTED_STREAM_SCHEMA) as writer,
    ):
        reader = _FileReader(day, folder, writer, dictionaries or {}, tombstones)
        for file in files:
            reader.read(file)
        reader.flush_events()
        reader.flush_rejected()
    return ParsedFiles(reader.runs, rejected, reader.counts)


class _FileReader:
    """Reads files one by one, and buffers events and rejected lines until there are enough to write them."""

    def __init__(
        self,
        day: dt.date,
        folder: Path,
        rejected: pa.ipc.RecordBatchStreamWriter,
        dictionaries: Mapping[int, bytes],
        tombstones: Tombstones | None = None,
    ) -> None:
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
        self._day_us = [int(midnight.timestamp()) * 1_000_000 + days * 86_400_000_000 for days in (0, 1)]
        self._folder, self._sink, self._dictionaries = folder, rejected, dictionaries
        self._tombstones = tombstones
        self._decoder = BlockDecoder()
        self._buffer = EventBuffer()
        self._buffered_bytes = 0
        self._rejected: list[tuple[str, int, str, bytes, int]] = []
        self._rejected_bytes = 0
        self.runs: list[SortedRun] = []
        self.counts = ReadCounts()

    def read(self, file: CaptureFile) -> None:
        """Read one file to its end, continuing behind damage."""
        self.counts.files += 1
        self.counts.bytes += file.size
        events, lines = self.counts.events_read, self.counts.lines
        broken = self._read_pieces(file)
        self.counts.broken_files += broken
        # A file without lines is an hour without events. If it is compressed, its size is not 0.
        if file.size and self.counts.lines > lines and self.counts.events_read == events:
            self.counts.files_without_events += 1
            self.counts.bytes_without_events += file.size
            if len(self.counts.first_files_without_events) < MAX_FILES_NAMED:
                self.counts.first_files_without_events.append((file.name, file.size))

    def _read_pieces(self, file: CaptureFile) -> bool:
        """Read the lines of a file, and return whether some of its bytes could not be read."""
        if file.problem is not None:
            self._reject_unread((file.name, 0), ReadFailure(file.problem, b"", 0, file.size))
            return True
        if file.name.endswith(SEGMENT_SUFFIX):
            return self._read_segment(file)
        number, latest, broken = 0, 0, False
        for piece in read_lines(file.open, file_bytes=file.size, dictionaries=self._dictionaries):
            match piece:
                case LineBlock(body):
                    lines, latest = self._decode_block(file.name, body, number + 1, latest)
                    number += lines
                    self.counts.lines += lines
                    self.counts.line_bytes += len(body) - lines + 1
                    self._buffered_bytes += len(body)
                    self._buffer.convert_to_columns()
                case OverlongLine(head, length):
                    number += 1
                    self.counts.lines += 1
                    self.counts.line_bytes += length
                    self._reject((file.name, number), _OVERLONG, head, length)
                case ReadFailure():
                    number += bool(number or piece.length)
                    self._reject_unread((file.name, number), piece)
                    broken = True
            if self._buffered_bytes >= RUN_BYTES:
                self.flush_events()
        return broken

    def _read_segment(self, file: CaptureFile) -> bool:
        """Read the events of the day from a segment, and return whether some of its bytes could not be read."""
        latest, broken = 0, False
        for first, piece in read_blocks(file):
            if isinstance(piece, ReadFailure):
                self._reject_unread((file.name, first), piece)
                broken = True
                continue
            latest = self._add_block(file.name, piece, first, latest)
            self._buffered_bytes += piece.size
            self._buffer.convert_to_columns()
            if self._buffered_bytes >= RUN_BYTES:
                self.flush_events()
        return broken

    def _add_block(self, name: str, block: Block, first: int, latest: int) -> int:
        """Buffer the events of the day in a block; return the latest event time of the file so far."""
        times = block.times_us
        inside = (times >= self._day_us[0]) & (times < self._day_us[1])
        rows = np.flatnonzero(inside)
        self.counts.other_days += len(times) - len(rows)
        self.counts.lines += len(rows)
        self.counts.line_bytes += block.size
        split = convert_block_rows(block, rows)
        for group in split.groups:
            self._buffer.add_columns(group)
        self._buffer.add_valid_events(split.others)  # takes all of them: their ids are valid, and none is None
        for row in split.irregular:
            line = format_event_line(block, row, time_us=int(times[row]))
            if len(line) > LINE_LIMIT_BYTES:
                self._reject((name, first + row), _OVERLONG, line, len(line))
                inside[row] = False
            else:
                inside[row] = bool(self._decode_slow_line(name, first + row, line))
        in_order = np.concatenate([[latest], times[inside]])
        highest = np.maximum.accumulate(in_order)
        self.counts.out_of_order += int((in_order < highest).sum())
        return int(highest[-1])

    def flush_events(self) -> None:
        """Write the buffered events to a new run."""
        self._buffered_bytes = 0
        table = self._buffer.flush()
        if self._tombstones is not None:
            table = self._leave_out_forgotten(table, self._tombstones)
        if not len(table):
            self._buffer.cuts.clear()
            return
        self.counts.kinds += count_event_types(table)
        self.counts.limit_kinds()
        for what, cut in self._buffer.cuts.items():
            setattr(self.counts, f"cut_{what}", getattr(self.counts, f"cut_{what}") + cut)
        self._buffer.cuts.clear()
        times = table["event_time_us"]
        inside = pc.and_(pc.greater_equal(times, self._day_us[0]), pc.less(times, self._day_us[1]))
        self.counts.outside_day += len(table) - (pc.sum(inside).as_py() or 0)
        self.runs.append(write_sorted_run(table, self._folder / f"{len(self.runs)}.arrow"))

    def _leave_out_forgotten(self, table: pa.Table, tombstones: Tombstones) -> pa.Table:
        remembered = forget_events(table, tombstones)
        self.counts.forgotten[FORGOTTEN_EVENTS] += remembered.own
        self.counts.forgotten[EVENTS_ABOUT_FORGOTTEN] += remembered.about
        self.counts.forgotten_references += remembered.references
        return remembered.table

    def flush_rejected(self) -> None:
        """Write the buffered rejected lines to their stream."""
        if self._rejected:
            columns = [
                pa.array(column, kind)
                for column, kind in zip(zip(*self._rejected, strict=True), REJECTED_STREAM_SCHEMA.types, strict=True)
            ]
            self._sink.write_batch(pa.record_batch(columns, schema=REJECTED_STREAM_SCHEMA))
        self._rejected, self._rejected_bytes = [], 0

    def _decode_block(self, name: str, body: bytes, first: int, latest: int) -> tuple[int, int]:
        """Decode lines into the buffer; return their number and the latest event time of the file so far."""
        events = self._decoder.decode(body)
        undecided = self._buffer.add_valid_events(events)
        if undecided:
            lines = body.split(b"\n")
            slow_times = {at: self._decode_slow_line(name, first + at, lines[at]) for at in undecided}
            times = [latest]
            for at, event in enumerate(events):
                times += slow_times[at] if at in slow_times or event is None else (event.time_us,)
        else:
            times = [event.time_us for event in events if event is not None]
            times.insert(0, latest)
        in_order = sorted(times)
        if times != in_order:
            self.counts.out_of_order += int((times < np.maximum.accumulate(times)).sum())
        return len(events), in_order[-1]

    def _decode_slow_line(self, name: str, number: int, line: bytes) -> list[int]:
        """Decode a line on the slow path, buffer its events or reject it, and return the times of its events."""
        times: list[int] = []
        values = 0
        for found in decode_line_leniently(line):
            values += 1
            if isinstance(found, RejectedValue):
                self._reject((name, number), found.reason, found.raw, len(found.raw))
                continue
            self._decoder.learn_collection(found)
            self._buffer.add_valid_events([found])
            times.append(found.time_us)
            if values % _EVENTS_PER_CONVERSION == 0:
                self._buffer.convert_to_columns()
        self.counts.extra_values += values - 1
        return times

    def _reject_unread(self, at: tuple[str, int], broken: ReadFailure) -> None:
        self.counts.lines += 1
        self.counts.bytes_not_read += broken.skipped
        self._reject(at, broken.reason, broken.head, broken.length)

    def _reject(self, at: tuple[str, int], reason: str, raw: bytes, length: int) -> None:
        raw = raw[:RAW_LIMIT_BYTES]
        if self._tombstones is not None and names_forgotten(raw, self._tombstones):
            self.counts.forgotten[FORGOTTEN_LINES] += 1
            return
        self.counts.rejected[reason] += 1
        self._rejected.append((*at, reason, raw, length))
        self._rejected_bytes += len(raw)
        if len(self._rejected) >= _REJECTED_ROWS or self._rejected_bytes >= _REJECTED_BYTES:
            self.flush_rejected()
