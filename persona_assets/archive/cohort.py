"""Put everything that some accounts ever wrote into the capture, each event into the day of its time."""

import datetime as dt
import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import zstandard

from persona_assets.archive.blocks import Block, decode_block
from persona_assets.archive.client import MAX_DIDS, ArchiveClient, ListedSegment, PlannedSegment
from persona_assets.archive.event_lines import format_event_line
from persona_assets.archive.event_times import find_event_time, is_plausible_time
from persona_assets.archive.segment_files import read_block_frame, read_segment_index
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.utc_times import DAY_US
from persona_assets.errors import ArchiveError, ReplacedSegmentError

_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,2000}")
_MAX_PLANS = 4
# Lines of all days that are held before they are written; a day's file gets a zstd frame each time.
_HELD_BYTES = 1 << 26
_EPOCH = dt.date(1970, 1, 1)
_NO_DAY = "time out of range"


class ArchivedCohort(NamedTuple):
    """Result of `download_cohort`: the files written, their days, and numbers of events kept and dropped by reason."""

    files: list[Path]
    days: list[dt.date]
    events: Counter[str]  # written, by what their time is from: imported, created, witnessed
    dropped: Counter[str]  # by reason
    over_selected: int  # events of other accounts in what the server planned


def download_cohort(
    client: ArchiveClient,
    dids: Sequence[str],
    root: Path,
    *,
    on_progress: Callable[[int], None] = lambda _: None,
) -> ArchivedCohort:
    """Download all events of the accounts `dids` to one file per day, `root/YYYY-MM-DD/cohort-DIGEST.jsonl.zst`.

    The digest is that of the sorted ids: the same cohort again replaces its files. Nothing is put into a day's folder
    before the whole cohort is there. An interrupted download begins anew. Memory: 64 MiB of lines and one block.

    Args:
        client: The server.
        dids: Account ids, any number; repeated ones count once.
        root: The folder of the capture, which may not exist yet.
        on_progress: Called after each segment with the number of events that were kept of it.

    Raises:
        ArchiveError: An id is none, or a request failed.
        StorageError: The disk is full.
    """
    wanted = sorted(set(dids))
    if not wanted or not all(_DID.fullmatch(did) for did in wanted):
        raise ArchiveError("the cohort is empty or holds what is no account id: write one did:plc:... on each line")
    name = f"cohort-{hashlib.sha256(chr(10).join(wanted).encode()).hexdigest()[:12]}"
    staging = root / f".{name}"
    for _ in range(_MAX_PLANS):
        shutil.rmtree(staging, ignore_errors=True)
        with explaining_full_disk(root):
            staging.mkdir(parents=True)
            writer = _DayWriter(staging)
            try:
                over_selected = _collect(client, wanted, staging, writer, on_progress)
            except ReplacedSegmentError:
                continue
            writer.flush()
            files = _put_in_place(staging, root, name, writer.days)
            return ArchivedCohort(files, sorted(writer.days), writer.events, writer.dropped, over_selected)
    raise ArchiveError(f"{client.host} rewrote segments while the cohort was downloaded: try again later")


def _collect(
    client: ArchiveClient, dids: Sequence[str], staging: Path, writer: "_DayWriter", on_progress: Callable[[int], None]
) -> int:
    over_selected = 0
    listed: dict[str, ListedSegment] = {}
    for start in range(0, len(dids), MAX_DIDS):
        group = dids[start : start + MAX_DIDS]
        accounts = pa.array(group, pa.string())
        for planned in client.plan_snapshot(group):
            if planned.mode == "segment" and not listed:
                listed = {segment.name: segment for segment in client.list_segments()}
            kept = 0
            for block in _read_planned(client, planned, listed.get(planned.name), staging):
                rows = _find_rows(block, accounts)
                over_selected += len(block.seqs) - len(rows)
                kept += len(rows)
                for row in rows.tolist():
                    writer.add(block, row)
            on_progress(kept)
    return over_selected


def _read_planned(
    client: ArchiveClient, planned: PlannedSegment, listed: ListedSegment | None, staging: Path
) -> Iterator[Block]:
    """Yield the blocks of a planned segment, which is downloaded as a whole or block by block."""
    if planned.mode == "blocks":
        for numbers in planned.blocks:
            for number in range(numbers.first, numbers.last + 1):
                frame = client.fetch_block(planned.name, number, checksum=planned.checksum)
                yield decode_block(frame, segment_name=planned.name, block_number=number)
        return
    if listed is None or listed.checksum != planned.checksum:
        raise ReplacedSegmentError(f"{planned.name} is planned and not listed: plan again")
    path = staging / "segment.part"
    with path.open("wb") as file:
        client.fetch_segment(listed, file, on_bytes=lambda _: None)
    with path.open("rb") as file:
        for number, entry in enumerate(
            read_segment_index(file, file_bytes=listed.size_bytes, name=planned.name).blocks
        ):
            frame = read_block_frame(file, entry, name=planned.name, number=number)
            yield decode_block(
                frame, segment_name=planned.name, block_number=number, max_bytes=entry.uncompressed_bytes
            )
    path.unlink()


def _find_rows(block: Block, accounts: pa.Array) -> np.ndarray:
    """Return the numbers of the events of some accounts: int64 `(n,)`."""
    dids = block.dids.to_strings()
    if dids is None:  # some are not UTF-8: compare bytes
        ids = {did.encode() for did in accounts.to_pylist()}
        return np.array([row for row in range(len(block.seqs)) if block.dids[row] in ids], np.int64)
    return np.flatnonzero(pc.is_in(dids, accounts).to_numpy(zero_copy_only=False))


class _DayWriter:
    """Appends events to a compressed file for each day."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: dict[dt.date, list[bytes]] = {}
        self._held = 0
        self._packer = zstandard.ZstdCompressor(write_checksum=True)
        self.days = set[dt.date]()
        self.events, self.dropped = Counter[str](), Counter[str]()

    def add(self, block: Block, row: int) -> None:
        time_us, source = find_event_time(block, row)
        if not is_plausible_time(time_us):
            self.dropped[_NO_DAY] += 1
            return
        day = _EPOCH + dt.timedelta(days=time_us // DAY_US)
        line = format_event_line(block, row, time_us=time_us) + b"\n"
        self._lines.setdefault(day, []).append(line)
        self.events[source] += 1
        self._held += len(line)
        if self._held >= _HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held: one zstd frame for each day."""
        for day, lines in self._lines.items():
            with (self._folder / f"{day.isoformat()}.part").open("ab") as file:
                file.write(self._packer.compress(b"".join(lines)))
        self.days |= self._lines.keys()
        self._lines, self._held = {}, 0


def _put_in_place(staging: Path, root: Path, name: str, days: set[dt.date]) -> list[Path]:
    """Move the files to their days; remove those of the same cohort on other days."""
    target = f"{name}.jsonl.zst"
    for old in root.glob(f"????-??-??/{target}"):
        if old.parent.name not in {day.isoformat() for day in days}:
            old.unlink()
    files = list[Path]()
    for day in sorted(days):
        folder = root / day.isoformat()
        folder.mkdir(exist_ok=True)
        files.append((staging / f"{day.isoformat()}.part").replace(folder / target))
    shutil.rmtree(staging)
    return files
