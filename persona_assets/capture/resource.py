"""The capture as a Dagster resource: where it lies, how its days are named, how many processes read it."""

import datetime as dt
import os
from typing import Any

import dagster as dg
from upath import UPath

from persona_assets.capture.files import CaptureFile, digest_files, find_files
from persona_assets.capture.zstd_dictionaries import load_dictionaries
from persona_assets.settings import from_setting


class Capture(dg.ConfigurableResource[Any]):
    """The files of Jetstream events that everything is made from."""

    root: str = from_setting("capture")
    pattern: str | None = from_setting("capture_pattern")
    zstd_dictionaries: str | None = from_setting("zstd_dictionaries")
    workers: int | None = from_setting("workers")

    def find_day(self, day: dt.date) -> list[CaptureFile]:
        """Return the files of a day; a day without any is an error that says what is there instead."""
        return find_files(UPath(self.root), day, pattern=self.pattern)

    def digest_day(self, day: dt.date) -> str:
        """Return what tells the files of a day from those that it has had, or may have, at another time."""
        return digest_files(self.find_day(day))

    def load_dictionaries(self) -> dict[int, bytes]:
        """Return the zstd dictionaries that frames of the capture may name, by id."""
        return load_dictionaries(UPath(self.zstd_dictionaries)) if self.zstd_dictionaries else {}

    def count_workers(self) -> int:
        """Return how many processes to use: those asked for, or the cores that this process may use."""
        return self.workers or _count_cores()


def _count_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
