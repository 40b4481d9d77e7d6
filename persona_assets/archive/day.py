"""Put the segments of a day into the capture: as they came, whole or not at all."""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from persona_assets.archive.client import ArchiveClient, ListedSegment
from persona_assets.archive.segment_files import read_segment_index
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.utc_times import find_day_range
from persona_assets.errors import ArchiveError, ReplacedSegmentError, SegmentError

# Hidden, so that no reader takes it for a file of the capture.
MANIFEST = ".archive.json"
# A day has 4 to 6 GB by estimate. Days in which a server fetched what was written before it began have far more.
MAX_DAY_BYTES = 1 << 36
_MAX_LISTINGS = 4  # the archive is rewritten every four hours


class StoredSegment(msgspec.Struct, frozen=True):
    """Entry of the manifest for one downloaded segment: file name, checksum, size and number of events."""

    name: str
    checksum: str
    bytes: int
    events: int  # of all days


class DayManifest(msgspec.Struct, frozen=True):
    """Content of the manifest file of an archived day: the server, its segments, and the indexes of missing ones.

    It is written last, so it proves completeness.
    """

    day: dt.date
    host: str
    segments: list[StoredSegment]
    missing_indexes: list[int]


class ArchivedDay(NamedTuple):
    """Result of `download_day`: the folder of the day, its manifest, and the number of bytes downloaded."""

    folder: Path
    manifest: DayManifest
    downloaded_bytes: int  # the rest was there already

    @property
    def events(self) -> int:
        """Number of events in all segments of the day, including events of the neighbouring days."""
        return sum(segment.events for segment in self.manifest.segments)


def download_day(
    client: ArchiveClient,
    day: dt.date,
    root: Path,
    *,
    on_progress: Callable[[int, int], None] = lambda *_: None,
    max_bytes: int = MAX_DAY_BYTES,
) -> ArchivedDay:
    """Download the sealed segments with events of `day` to `root/YYYY-MM-DD/`, and write a manifest.

    Segments at both ends also hold events of the days around, which `raw_events` leaves out. Other files in the folder
    stay. Until all segments are there they lie in a hidden folder beside it, where an interrupted download goes on.

    Args:
        client: The server.
        day: A day (UTC) that is over, since the server began.
        root: The folder of the capture, which may not exist yet.
        on_progress: Called with the bytes that are there and those of the whole day, after each piece.
        max_bytes: Maximum size of the day.

    Raises:
        ArchiveError: The server does not have the whole day (the message says why), it is too large, or a request
            failed.
        StorageError: The disk is full.
    """
    for _ in range(_MAX_LISTINGS):
        listed = list(client.list_segments())
        wanted = find_segments_of_day(listed, day, host=client.host)
        total = sum(segment.size_bytes for segment in wanted)
        if total > max_bytes:
            raise ArchiveError(
                f"{day} has {total:,} bytes in the archive of {client.host}, more than {max_bytes:,}: the server wrote "
                "what is older then. Download a cohort of accounts instead"
            )
        try:
            with explaining_full_disk(root):
                return _download(client, day, wanted, root, on_progress)
        except ReplacedSegmentError:
            continue  # what is whole is kept, if it is listed again
    raise ArchiveError(f"{client.host} rewrote segments of {day} while they were downloaded: try again later")


def is_day_archived(root: Path, day: dt.date) -> bool:
    """Return whether the folder of `day` has a manifest and every segment in it with the right size."""
    folder = root / day.isoformat()
    manifest = _read_manifest(folder)
    return manifest is not None and all(_has_size(folder / one.name, one.bytes) for one in manifest.segments)


def find_segments_of_day(listed: Sequence[ListedSegment], day: dt.date, *, host: str) -> list[ListedSegment]:
    """Return those of the `listed` segments whose time range may include events of `day`, sorted by index.

    Raises:
        ArchiveError: The archive does not cover the whole day.
    """
    if not listed:
        raise ArchiveError(f"{host} lists no segment: it may be starting; try again later, or another server")
    start_us, end_us = find_day_range(day)
    first_us = min(segment.min_witnessed_at for segment in listed)
    last_us = max(segment.max_witnessed_at for segment in listed)
    if start_us < first_us:
        raise ArchiveError(
            f"{day} cannot be cut out of the archive of {host}, which saw its first event at {_write_time(first_us)}: "
            "what is older is there account by account, not day by day. Download a cohort of accounts, which is put "
            "into its days by the time of each record, or choose a later day"
        )
    if last_us < end_us:
        raise ArchiveError(
            f"the archive of {host} ends at {_write_time(last_us)}, before {day} does: try again some hours later, or "
            "record the day from the stream"
        )
    found = [one for one in listed if one.min_witnessed_at < end_us and one.max_witnessed_at >= start_us]
    return sorted(found, key=lambda segment: segment.index)


def _download(
    client: ArchiveClient,
    day: dt.date,
    wanted: Sequence[ListedSegment],
    root: Path,
    on_progress: Callable[[int, int], None],
) -> ArchivedDay:
    if is_day_archived(root, day) and _read_manifest(root / day.isoformat()) == _describe(day, wanted, client.host):
        return ArchivedDay(root / day.isoformat(), _describe(day, wanted, client.host), 0)
    folder, staging = root / day.isoformat(), root / f".{day.isoformat()}.archive"
    staging.mkdir(parents=True, exist_ok=True)
    before = _read_manifest(folder)
    kept = {(one.name, one.checksum) for one in before.segments} if before else set[tuple[str, str]]()
    total, done, downloaded = sum(one.size_bytes for one in wanted), 0, 0
    for segment in wanted:
        is_there = (segment.name, segment.checksum) in kept and _has_size(folder / segment.name, segment.size_bytes)
        if not is_there and not _is_segment(staging / segment.name, segment):
            downloaded += _fetch(client, segment, staging, lambda size, done=done: on_progress(done + size, total))
        done += segment.size_bytes
        on_progress(done, total)
    manifest = _describe(day, wanted, client.host)
    _put_in_place(staging, folder, manifest, before)
    return ArchivedDay(folder, manifest, downloaded)


def _describe(day: dt.date, wanted: Sequence[ListedSegment], host: str) -> DayManifest:
    stored = [StoredSegment(one.name, one.checksum, one.size_bytes, one.event_count) for one in wanted]
    return DayManifest(day, host, stored, _find_gaps([one.index for one in wanted]))


def _fetch(client: ArchiveClient, segment: ListedSegment, staging: Path, on_size: Callable[[int], None]) -> int:
    """Download a segment, verify it and give it its name; return the number of bytes received."""
    # With the checksum in its name: what is left of another version is of no use.
    part = staging / f"{segment.name}.{segment.checksum}.part"
    if part.exists() and part.stat().st_size > segment.size_bytes:
        part.unlink()
    received = 0

    def count(size: int) -> None:
        nonlocal received
        received += size
        on_size(min(file.tell(), segment.size_bytes))

    try:
        with part.open("ab") as file:
            client.fetch_segment(segment, file, on_bytes=count)
    except ReplacedSegmentError:
        part.unlink()
        raise
    if not _is_segment(part, segment):
        part.unlink()
        raise ArchiveError(
            f"{segment.name} from {client.host} does not match the checksum that was listed: it was removed; try again"
        )
    part.rename(staging / segment.name)
    return received


def _is_segment(path: Path, segment: ListedSegment) -> bool:
    """Return whether a file is the segment that was listed, by its size and its own checksum.

    The checksum covers the header and the index. Each block has one of its own, verified when the block is read.
    """
    if not _has_size(path, segment.size_bytes):
        return False
    try:
        with path.open("rb") as file:
            return (
                read_segment_index(file, file_bytes=segment.size_bytes, name=segment.name).checksum == segment.checksum
            )
    except SegmentError:
        return False


def _put_in_place(staging: Path, folder: Path, manifest: DayManifest, before: DayManifest | None) -> None:
    wanted = {segment.name for segment in manifest.segments}
    for path in staging.iterdir():
        if path.name not in wanted:
            path.unlink()  # a part of, or a whole segment that is not listed any more
    if folder.exists():
        # A day that was whole stays marked as whole only if nothing changes.
        (folder / MANIFEST).unlink(missing_ok=True)
        for path in staging.iterdir():
            path.replace(folder / path.name)
        for old in before.segments if before else ():
            if old.name not in wanted:
                (folder / old.name).unlink(missing_ok=True)
        staging.rmdir()
        temporary = folder / f"{MANIFEST}.tmp"
        temporary.write_bytes(msgspec.json.encode(manifest))
        temporary.replace(folder / MANIFEST)
    else:
        (staging / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        staging.rename(folder)


def _read_manifest(folder: Path) -> DayManifest | None:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=DayManifest)
    except (OSError, msgspec.DecodeError):
        return None


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _find_gaps(indexes: Sequence[int]) -> list[int]:
    """Return the indexes between the first and the last that are missing."""
    return sorted(set(range(indexes[0], indexes[-1] + 1)) - set(indexes))[:1000] if indexes else []


def _write_time(time_us: int) -> str:
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=time_us)).strftime("%Y-%m-%d %H:%M UTC")
