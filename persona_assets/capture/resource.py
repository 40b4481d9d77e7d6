"""The capture as a Dagster resource: its location, its layout, and the number of processes that read it."""

import datetime as dt
from typing import Any

import dagster as dg
from upath import UPath

from persona_assets.capture.capture_file import CaptureFile
from persona_assets.capture.files import digest_files, find_files
from persona_assets.capture.zstd_dictionaries import load_zstd_dictionaries
from persona_assets.common.cpu_count import count_threads
from persona_assets.recording.day_notes import RECORDED_LAYOUT, read_gaps
from persona_assets.recording.position import RecorderPosition, read_recorder_position
from persona_assets.recording.results import Gap
from persona_assets.settings import from_setting


class Capture(dg.ConfigurableResource[Any]):
    """Dagster resource for the capture: the files of Jetstream events, the input of the whole graph."""

    root: str = from_setting("capture")
    pattern: str | None = from_setting("capture_pattern")
    zstd_dictionaries: str | None = from_setting("zstd_dictionaries")
    workers: int | None = from_setting("workers")

    def list_day_files(self, day: dt.date) -> list[CaptureFile]:
        """Return the files of `day` in the capture, sorted by name; raise `CaptureFilesError` if there are none."""
        return find_files(UPath(self.root), day, pattern=self.pattern)

    def digest_day(self, day: dt.date) -> str:
        """Return a digest of the names and sizes of the files of `day`; raise `CaptureFilesError` if there are none."""
        return digest_files(self.list_day_files(day))

    def list_gaps(self, day: dt.date) -> list[Gap]:
        """Return the time ranges of `day` that the recorder noted as missing; empty if nothing recorded here."""
        return read_gaps(UPath(self.root) / day.strftime(RECORDED_LAYOUT))

    def read_position(self) -> RecorderPosition | None:
        """Return the time up to which `persona-record` has recorded into the capture; None if it never has."""
        return read_recorder_position(UPath(self.root))

    def load_dictionaries(self) -> dict[int, bytes]:
        """Return each zstd dictionary in the setting `zstd_dictionaries` by dictionary id; empty if it is not set."""
        return load_zstd_dictionaries(UPath(self.zstd_dictionaries)) if self.zstd_dictionaries else {}

    def count_workers(self) -> int:
        """Return how many worker processes parse a day: the setting `workers`, else `cpu_count.count_threads`."""
        return self.workers or count_threads()
