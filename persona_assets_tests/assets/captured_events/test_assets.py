"""The asset `captured_events`: external for files, and a replay of a day from servers on the loopback interface."""

import datetime as dt

import dagster as dg
import pytest

from persona_assets.assets.captured_events.assets import build_captured_events
from persona_assets.assets.raw_events.assets import build_raw_events
from persona_assets.capture.resource import Capture
from persona_assets.common.scratch import Scratch
from persona_assets.definitions import build_definitions
from persona_assets.errors import SettingsError
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.partitions import daily_partitions
from persona_assets.recording.day_notes import add_gap_to_notes, add_recording_notes, read_gaps
from persona_assets.recording.results import Gap
from persona_assets.settings import read_settings
from persona_assets_tests.archive.segments import event_row, in_blocks, write_segment
from persona_assets_tests.archive_server import ArchiveServer, serving
from persona_assets_tests.assets.raw_events.builders import like
from persona_assets_tests.checked import find_failed
from persona_assets_tests.jetstream_server import SECOND, JetstreamServer, make_events, micro, running

DAY, NEXT_DAY = "2025-03-01", "2025-03-02"
DAYS = daily_partitions(dt.date(2025, 3, 1), dt.date(2025, 3, 2))
SPACING = 4 * SECOND
# From ten minutes before the first day to twelve after the second.
EVENTS = make_events(micro(f"{DAY}T00:00:00") - 150 * SPACING, 43_200 + 150 + 180, spacing_us=SPACING)
EVENTS_OF_A_DAY = 21_600
NAMES = [f"{hour:02d}.jsonl.zst" for hour in range(24)]


@pytest.fixture
def capture(tmp_path):
    return tmp_path / "capture"


@pytest.fixture
def materialize(tmp_path, capture, monkeypatch):
    """Materialize `captured_events` and then `raw_events` of a day, captured from a server."""
    monkeypatch.setenv("PERSONA_CAPTURE", str(capture))
    monkeypatch.setenv("PERSONA_SOURCE", "jetstream")
    monkeypatch.setenv("PERSONA_STREAM_TIMEOUT", "5")

    def run(server, day=DAY):
        if isinstance(server, JetstreamServer):
            monkeypatch.setenv("PERSONA_JETSTREAM_URLS", server.url("v2"))
        return dg.materialize(
            [build_captured_events(DAYS, read_settings()), build_raw_events(DAYS)],
            partition_key=day,
            resources={
                "capture": Capture(),
                "scratch": Scratch(),
                "io_manager": ParquetIOManager(base=str(tmp_path / "data")),
            },
            raise_on_error=False,
        )

    return run


def describe(result, name):
    (event,) = [
        event for event in result.get_asset_materialization_events() if event.asset_key.to_user_string() == name
    ]
    event = event.materialization
    return {key: value.value for key, value in event.metadata.items()}


def read_failure(result):
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return str(event.event_specific_data.error.cause or event.event_specific_data.error)


def test_a_day_is_replayed_and_then_parsed(materialize, capture):
    with running(server := JetstreamServer(EVENTS)):
        result = materialize(server)

    assert result.success
    assert sorted(path.name for path in (capture / DAY).glob("*.zst")) == NAMES
    assert [path.name for path in capture.iterdir()] == [DAY]
    described = describe(result, "captured_events")
    assert (described["events"], described["files"], described["reconnects"]) == (EVENTS_OF_A_DAY, 24, 0)
    assert not {"few_events_are_outside_the_day", "the_recording_has_no_gaps", "every_hour_has_files"} & set(
        find_failed(result.get_asset_check_evaluations())
    )
    assert describe(result, "raw_events")["lines"] == EVENTS_OF_A_DAY


def test_a_captured_day_is_left_as_it_is(materialize, capture):
    with running(server := JetstreamServer(EVENTS)):
        materialize(server)
        before = {path: path.stat().st_mtime_ns for path in (capture / DAY).iterdir()}
        asked = len(server.requests)

        result = materialize(server)

        assert result.success
        assert len(server.requests) == asked
    assert {path: path.stat().st_mtime_ns for path in (capture / DAY).iterdir()} == before
    assert describe(result, "captured_events")["files"] == 24


def test_a_day_that_the_server_has_only_in_part_fails_with_the_hole_and_the_next_day_is_made(materialize, capture):
    with running(server := JetstreamServer(EVENTS, floor_us=micro(f"{DAY}T09:30:00"))):
        failed, made = materialize(server, DAY), materialize(server, NEXT_DAY)

    assert not failed.success
    assert f"{DAY}T00:00:00" in read_failure(failed)
    assert f"{DAY}T09:30:00" in read_failure(failed)
    assert not (capture / DAY).exists()
    assert made.success
    assert describe(made, "captured_events")["events"] == EVENTS_OF_A_DAY


def test_files_of_other_origin_are_kept(materialize, capture):
    (capture / DAY).mkdir(parents=True)
    (capture / DAY / "mine.jsonl").write_bytes(EVENTS[0] + b"\n")
    with running(server := JetstreamServer(EVENTS)):
        result = materialize(server)

    assert not result.success
    assert "PERSONA_SOURCE=files" in read_failure(result)
    assert [path.name for path in (capture / DAY).iterdir()] == ["mine.jsonl"]
    assert server.requests == []


def test_a_day_that_was_recorded_in_part_is_completed(materialize, capture):
    noon = micro(f"{DAY}T12:00:00")
    (capture / DAY).mkdir(parents=True)
    add_recording_notes(capture / DAY, [{"mode": "live"}])
    add_gap_to_notes(capture, Gap(noon, noon + SECOND, "the connection was lost"))
    with running(server := JetstreamServer(EVENTS)):
        result = materialize(server)

    assert result.success
    assert read_gaps(capture / DAY) == []
    assert sorted(path.name for path in (capture / DAY).glob("*.zst")) == NAMES


def test_a_day_of_the_archive_is_downloaded_and_then_parsed(materialize, capture, monkeypatch):
    monkeypatch.setenv("PERSONA_SOURCE", "archive")
    midnight = micro(f"{DAY}T00:00:00")
    segments = {
        f"seg_{number}.jss": write_segment(
            in_blocks(
                [event_row(like(time_us=midnight + hour * 3600 * SECOND), 1000 + hour) for hour in hours],
                3,
            )
        )
        for number, hours in enumerate([range(-30, -4), range(-4, 12), range(12, 30)])
    }
    with serving(ArchiveServer(segments)) as server:
        monkeypatch.setenv("PERSONA_ARCHIVE_URL", server.url)
        result, refused = materialize(server), materialize(server, NEXT_DAY)

    assert result.success
    assert describe(result, "captured_events")["files"] == 2
    described = describe(result, "raw_events")
    assert (described["lines"], described["outside_day"]) == (24, 0)
    assert not refused.success
    assert "before 2025-03-02 does" in read_failure(refused)
    assert [path.name for path in capture.iterdir()] == [DAY]


@pytest.mark.parametrize("skipped", [False, True])
def test_a_segment_that_the_archive_does_not_list_is_a_warning(materialize, monkeypatch, skipped):
    monkeypatch.setenv("PERSONA_SOURCE", "archive")
    midnight = micro(f"{DAY}T00:00:00")
    hours = [range(-2, 8), range(8, 16), range(16, 30)]
    archive = ArchiveServer(
        {
            f"seg_{number}.jss": write_segment(
                in_blocks([event_row(like(time_us=midnight + hour * 3600 * SECOND), 1000 + hour) for hour in part], 3)
            )
            for number, part in enumerate(hours)
        }
    )
    about = archive.about

    def skip_an_index(name):
        found, read = about(name)
        return found | {"index": found["index"] + (skipped and found["index"] > 0)}, read

    archive.about = skip_an_index
    with serving(archive) as server:
        monkeypatch.setenv("PERSONA_ARCHIVE_URL", server.url)
        result = materialize(server)

    assert result.success
    assert ("every_segment_is_listed" in find_failed(result.get_asset_check_evaluations())) is skipped
    assert describe(result, "captured_events")["segments_not_listed"] == skipped


def test_for_files_the_asset_is_external_and_stays_in_the_graph():
    definitions = build_definitions(read_settings({}))
    node = definitions.resolve_asset_graph().get(dg.AssetKey("captured_events"))

    assert not node.is_materializable
    assert "PERSONA_SOURCE=files" in node.description
    assert node.partitions_def is not None
    assert node.child_keys == {dg.AssetKey("raw_events"), dg.AssetKey("rejected_lines")}


def test_for_a_stream_the_daily_jobs_capture_the_day_too():
    definitions = build_definitions(read_settings({"PERSONA_SOURCE": "jetstream"}))

    dg.Definitions.validate_loadable(definitions)
    for job in ("process_day", "prepare_days"):
        selected = definitions.resolve_job_def(job).asset_layer.selected_asset_keys
        assert dg.AssetKey("captured_events") in selected


@pytest.mark.parametrize(
    "setting", [{"PERSONA_CAPTURE_PATTERN": "%Y/%m/%d"}, {"PERSONA_CAPTURE": "s3://bucket/capture"}], ids=str
)
def test_settings_that_no_recording_can_follow_are_refused(setting):
    with pytest.raises(SettingsError, match="PERSONA_SOURCE=jetstream"):
        read_settings({"PERSONA_SOURCE": "jetstream"} | setting)
