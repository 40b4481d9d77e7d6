"""Put the recorded days of a range in place, each with one renaming where that is possible."""

import shutil
from pathlib import Path

from persona_assets.recording.day_notes import (
    add_recording_notes,
    build_range_note,
    read_gaps,
    read_recording_notes,
    subtract_range,
    write_gaps,
)
from persona_assets.recording.hour_files import choose_free_hour_file
from persona_assets.recording.json_files import read_json, sync_folder, write_json

_RANGE_NAME = ".replay.json"


def publish_days(staging: Path, root: Path, *, start_us: int, end_us: int) -> list[Path]:
    """Move the recorded days from `staging` to `root`, each by one rename where possible; return the files.

    A day that `root` has not yet appears whole. One that the same range was recorded into before is replaced. To one
    that was recorded otherwise the files are added under further names: events of both are counted once later on.
    Gaps that the range fills are removed from its notes. After a crash the same call finishes the work.

    Returns:
        The hour files, sorted.
    """
    published: list[Path] = []
    covered = {"start_us": start_us, "end_us": end_us}
    for day in sorted(path for path in staging.iterdir() if path.is_dir()):
        target = root / day.name
        write_json(day / _RANGE_NAME, covered)
        add_recording_notes(day, [build_range_note(start_us, end_us)])
        retired = staging / f".{day.name}.replaced"
        if target.is_dir() and read_json(target / _RANGE_NAME) == covered:
            target.rename(retired)
        if not target.exists():
            day.rename(target)
            sync_folder(root)
            published += target.glob("*.jsonl.zst")
        else:
            published += _merge(day, target, start_us=start_us, end_us=end_us)
        if retired.exists():
            shutil.rmtree(retired)
    shutil.rmtree(staging)
    sync_folder(root)
    return sorted(published)


def _merge(day: Path, target: Path, *, start_us: int, end_us: int) -> list[Path]:
    added: list[Path] = []
    for file in sorted(day.glob("*.jsonl.zst")):
        place = choose_free_hour_file(target, file.name[:2])
        file.rename(place)
        added.append(place)
    write_gaps(target, [*subtract_range(read_gaps(target), start_us, end_us), *read_gaps(day)])
    add_recording_notes(target, read_recording_notes(day))
    sync_folder(target)
    shutil.rmtree(day)
    return added
