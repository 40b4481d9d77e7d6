"""Small JSON files that are replaced whole: the state of a recorder, and what is written beside the hour files."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from upath import UPath

_MAX_BYTES = 16 << 20


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON to a file atomically and durably: after a crash it has the old or the new content."""
    beside = path.with_name(f"{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def read_json(path: UPath | Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty dict if the file is missing or holds anything else."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        if path.stat().st_size <= _MAX_BYTES:
            found = json.loads(path.read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
    return {}


def sync_folder(folder: Path) -> None:
    """Fsync a folder, so that new and renamed files in it survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
