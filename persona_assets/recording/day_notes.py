"""Read and write the notes in the folder of a day: `.gaps.json`, what is missing, and `.capture.json`, what was asked.

Both are hidden files, which readers of the capture ignore.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from upath import UPath

from persona_assets.common.utc_times import DAY_US, EPOCH, format_time
from persona_assets.recording.json_files import read_json, write_json
from persona_assets.recording.results import Filters, Gap

GAPS_NAME, NOTES_NAME = ".gaps.json", ".capture.json"
# The folder of a day below the root of a recorded capture, as strftime.
RECORDED_LAYOUT = "%Y-%m-%d"
_MAX_NOTES, _MAX_GAPS = 100, 10_000


def hours_since_epoch(hour: str) -> int:
    """Return the number of hours from 1970 to an hour such as "2025-03-01T07" (UTC)."""
    return (dt.datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=dt.UTC) - EPOCH) // dt.timedelta(hours=1)


def format_day(time_us: int) -> str:
    """Return the UTC day of a time in microseconds as "YYYY-MM-DD", the name of the day's folder."""
    return format_time(time_us)[:10]


def read_gaps(folder: UPath | Path) -> list[Gap]:
    """Return the gaps in the file `.gaps.json` of a day's folder, sorted; empty without the file."""
    listed = read_json(folder / GAPS_NAME).get("gaps", [])
    return sorted(Gap(int(gap["from_us"]), int(gap["to_us"]), str(gap["why"])) for gap in listed)


def write_gaps(folder: Path, gaps: Iterable[Gap]) -> None:
    """Write `gaps` to the file `.gaps.json` of a day's folder, replacing it; without gaps, remove it."""
    distinct = sorted(set(gaps))[:_MAX_GAPS]
    if not distinct:
        (folder / GAPS_NAME).unlink(missing_ok=True)
        return
    listed = [
        {
            "from": format_time(gap.from_us),
            "to": format_time(gap.to_us),
            "from_us": gap.from_us,
            "to_us": gap.to_us,
            "why": gap.why,
        }
        for gap in distinct
    ]
    write_json(folder / GAPS_NAME, {"format": 1, "gaps": listed})


def add_gap_to_notes(root: Path, gap: Gap) -> None:
    """Add a gap to the file `.gaps.json` in the folder of each day that it overlaps."""
    for part in split_by_day(gap):
        folder = root / format_day(part.from_us)
        folder.mkdir(parents=True, exist_ok=True)
        write_gaps(folder, [*read_gaps(folder), part])


def split_by_day(gap: Gap) -> Iterator[Gap]:
    """Split a gap at midnight UTC; yield one gap per day."""
    begin = gap.from_us
    while begin < gap.to_us:
        end = min(gap.to_us, (begin // DAY_US + 1) * DAY_US)
        yield Gap(begin, end, gap.why)
        begin = end


def subtract_range(gaps: Iterable[Gap], start_us: int, end_us: int) -> Iterator[Gap]:
    """Yield the parts of `gaps` that are outside the range [start_us, end_us)."""
    for gap in gaps:
        if gap.from_us < min(gap.to_us, start_us):
            yield gap._replace(to_us=min(gap.to_us, start_us))
        if gap.to_us > max(gap.from_us, end_us):
            yield gap._replace(from_us=max(gap.from_us, end_us))


def build_recording_note(address: str, filters: Filters, *, mode: str) -> dict[str, Any]:
    """Build the entry of `.capture.json` for a recording: server, filters and mode; of DIDs only number and digest."""
    digest = hashlib.sha256("\n".join(sorted(filters.dids)).encode()).hexdigest() if filters.dids else None
    return {
        "address": address,
        "collections": sorted(filters.collections),
        "dids": {"count": len(filters.dids), "sha256": digest},
        "mode": mode,
    }


def build_range_note(start_us: int, end_us: int) -> dict[str, Any]:
    """Build the entry of `.capture.json` that says that the range [start_us, end_us) was recorded completely."""
    return {"mode": "complete", "start_us": start_us, "end_us": end_us}


def is_range_recorded(folder: Path, start_us: int, end_us: int) -> bool:
    """Return whether `.capture.json` in a day's folder notes a complete recording of [start_us, end_us)."""
    return build_range_note(start_us, end_us) in read_recording_notes(folder)


def build_gap_metadata(gaps: Iterable[Gap]) -> dict[str, str | float]:
    """Return gaps as metadata: a text as from `describe_gaps`, and the sum of their seconds."""
    gaps = list(gaps)
    seconds = sum(gap.to_us - gap.from_us for gap in gaps) / 1e6
    return {"gaps": describe_gaps(gaps), "seconds_without_events": round(seconds, 1)}


def describe_gaps(gaps: Iterable[Gap], *, max_gaps: int = 5) -> str:
    """Return a text with start, seconds and reason of the first `max_gaps` gaps, and the number of the others."""
    gaps = list(gaps)
    shown = [
        f"{format_time(gap.from_us)}, {(gap.to_us - gap.from_us) / 1e6:,.0f} s: {gap.why}" for gap in gaps[:max_gaps]
    ]
    if len(gaps) > max_gaps:
        shown.append(f"and {len(gaps) - max_gaps} more")
    return "; ".join(shown) or "none"


def read_recording_notes(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of `.capture.json` in a day's folder, oldest first."""
    found = read_json(folder / NOTES_NAME).get("recordings", [])
    return [note for note in found if isinstance(note, dict)]


def add_recording_notes(folder: Path, notes: Iterable[dict[str, Any]]) -> None:
    """Add entries to `.capture.json` in a day's folder, unless it already has the same ones."""
    before = read_recording_notes(folder)
    new = [note for note in notes if note not in before]
    if new:
        write_json(folder / NOTES_NAME, {"format": 1, "recordings": [*before, *new][-_MAX_NOTES:]})
