"""Which days must be captured, and their range of time."""

import datetime as dt

import pytest

from persona_assets.assets.captured_events.capture_day import is_day_recorded, list_recorded_files, replay_day
from persona_assets.common.utc_times import find_day_range
from persona_assets.errors import CaptureFilesError
from persona_assets.recording.day_notes import add_recording_notes, build_range_note
from persona_assets.recording.results import Recording

DAY = dt.date(2025, 3, 1)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / f"{DAY}").mkdir()
    return tmp_path / f"{DAY}"


def test_a_day_without_a_folder_or_with_an_empty_one_is_not_captured(tmp_path):
    assert not is_day_recorded(tmp_path, DAY)
    assert list_recorded_files(tmp_path, DAY) == []

    (tmp_path / f"{DAY}").mkdir()

    assert not is_day_recorded(tmp_path, DAY)
    assert list_recorded_files(tmp_path, DAY) == []


def test_only_a_recording_of_the_whole_day_counts(folder):
    (folder / "00.jsonl.zst").write_bytes(b"")
    start, end = find_day_range(DAY)
    add_recording_notes(folder, [build_range_note(start + 1, end)])

    assert not is_day_recorded(folder.parent, DAY)

    add_recording_notes(folder, [build_range_note(start, end)])

    assert is_day_recorded(folder.parent, DAY)


def test_files_that_no_recorder_made_are_an_error(folder):
    (folder / "00.jsonl").write_bytes(b"{}")

    with pytest.raises(CaptureFilesError, match="PERSONA_SOURCE=files"):
        is_day_recorded(folder.parent, DAY)


def test_a_recording_that_was_stopped_is_no_day():
    with pytest.raises(CaptureFilesError, match="to continue it"):
        replay_day(DAY, lambda _: Recording(events=5))
    assert replay_day(DAY, lambda _: Recording(events=5, is_complete=True)).events == 5
