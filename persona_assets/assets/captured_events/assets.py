"""The asset `captured_events`, upstream of `raw_events`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from persona_assets.archive.client import ArchiveClient
from persona_assets.archive.day import download_day
from persona_assets.assets.captured_events.capture_day import is_day_recorded, list_recorded_files, replay_day
from persona_assets.capture.resource import Capture
from persona_assets.command_line.record_stream import describe_missing_collections, read_stream_filters
from persona_assets.common.checks import Check
from persona_assets.common.metadata import build_count_table, measuring_time_and_memory
from persona_assets.common.progress import phase
from persona_assets.common.utc_times import DayRange
from persona_assets.partitions import parse_day
from persona_assets.recording.record import record_stream
from persona_assets.recording.results import Progress as RecordingProgress
from persona_assets.recording.results import Recording
from persona_assets.settings import CaptureSource, Settings, read_settings

_DESCRIPTION = """The files of the capture: every event of the network as it was received, hour by hour.

One file is one hour of a UTC day. {source} Next: `raw_events` reads the files.
"""
_SOURCES: dict[CaptureSource, str] = {
    "files": "With `PERSONA_SOURCE=files`, which is the default, you or `persona-record` keep the folder "
    "`PERSONA_CAPTURE`: the asset is external, and is shown so that the origin of the data is complete.",
    "jetstream": "With `PERSONA_SOURCE=jetstream`, a day is replayed from a Jetstream server, which keeps about 36 "
    "hours. A day of which the server lacks a part is refused, and nothing of it is stored. A day that is captured "
    "already is left as it is.",
    "archive": "With `PERSONA_SOURCE=archive`, a day is downloaded as the segments that hold it, whole or not at all. "
    "Days since the server began can be had, up to some hours ago.",
}
Described = dict[str, Any]  # metadata of a materialization

_NO_INDEX_MISSING = Check(
    "captured_events",
    "every_segment_is_listed",
    "The archive does not list some segments between the first and the last of the day (segments_not_listed), so that "
    "events of the day may be missing. Materialize the day again some hours later, when the server has rewritten its "
    "archive, or set PERSONA_ARCHIVE_URL to another server.",
)


def build_captured_events(days: dg.DailyPartitionsDefinition, settings: Settings) -> dg.AssetsDefinition:
    """Build the asset `captured_events`: the capture files; external if the setting `source` is "files", else captured.

    Args:
        days: The daily partitions of the graph.
        settings: Settings; `source` decides.
    """
    description = _DESCRIPTION.format(source=_SOURCES[settings.source])
    if settings.source == "files":
        spec = dg.AssetSpec(
            "captured_events",
            partitions_def=days,
            group_name="persona_assets",
            kinds={"jsonl"},
            owners=["team:persona_assets"],
            description=description,
        )
        return dg.AssetsDefinition(specs=[spec])

    checks = [_NO_INDEX_MISSING] if settings.source == "archive" else []

    @dg.asset(
        group_name="persona_assets",
        partitions_def=days,
        check_specs=[check.spec(days) for check in checks],
        kinds={"python", "jsonl"},
        tags={"stage": "capture"},
        owners=["team:persona_assets"],
        description=description,
    )
    def captured_events(context: dg.AssetExecutionContext, capture: Capture):
        with measuring_time_and_memory(context.log.info) as cost:
            described = _CAPTURE[settings.source](context, capture)
        not_listed = described.get("segments_not_listed", 0)
        results = [check.result(passed=not_listed == 0, segments_not_listed=not_listed) for check in checks]
        return dg.MaterializeResult(metadata=described | cost, check_results=results)

    return captured_events


def _replay(context: dg.AssetExecutionContext, capture: Capture) -> Described:
    """Record the day from the stream, unless it is there, and return the metadata."""
    day, root = parse_day(context.partition_key), Path(capture.root)
    if is_day_recorded(root, day):
        files = list_recorded_files(root, day)
        context.log.info("%s is captured already: its %d files are left as they are", day, len(files))
        return {"files": len(files), "bytes": sum(file.size for file in files)}
    recording = replay_day(day, lambda wanted: _record(context, capture, wanted))
    return {
        "events": recording.events,
        "files": len(recording.files),
        "bytes": recording.file_bytes,
        "bytes_uncompressed": recording.raw_bytes,
        "reconnects": recording.reconnects,
        "dropped": build_count_table(recording.dropped, of="reason"),
    }


def _download(context: dg.AssetExecutionContext, capture: Capture) -> Described:
    """Download the segments of the day from the archive, as far as they are not there, and return the metadata."""
    settings = read_settings()
    with (
        phase("downloading", what="bytes") as downloaded,
        ArchiveClient(settings.archive_url, settings.archive_token) as client,
    ):

        def count(done: int, total: int) -> None:
            downloaded.total = total
            downloaded.advance_to(done)

        day = download_day(client, parse_day(context.partition_key), Path(capture.root), on_progress=count)
    return {
        "events_in_segments": day.events,  # those of the days around included
        "files": len(day.manifest.segments),
        "bytes": sum(segment.bytes for segment in day.manifest.segments),
        "bytes_downloaded": day.downloaded_bytes,
        "segments_not_listed": len(day.manifest.missing_indexes),
    }


def _record(context: dg.AssetExecutionContext, capture: Capture, wanted: DayRange) -> Recording:
    """Record a range from the servers of the settings, with a line of progress every few seconds."""
    settings = read_settings()
    filters = read_stream_filters(settings)
    if warning := describe_missing_collections(filters):
        context.log.warning(warning)
    total = (wanted.end_us - wanted.start_us) // 1_000_000

    def log_progress(progress: RecordingProgress) -> None:
        if progress.message:
            context.log.info(progress.message)
        if progress.last_time_us is not None:
            reached = min(max(progress.last_time_us, wanted.start_us), wanted.end_us)
            seconds.advance_to((reached - wanted.start_us) // 1_000_000)

    with phase("recording", what="seconds of the day", total=total) as seconds:
        return record_stream(
            Path(capture.root),
            urls=settings.jetstream_urls.split(","),
            start_us=wanted.start_us,
            end_us=wanted.end_us,
            stream_timeout=settings.stream_timeout,
            filters=filters,
            dictionaries=capture.load_dictionaries(),
            on_progress=log_progress,
        )


# What captures a day, by the value of PERSONA_SOURCE.
_CAPTURE: dict[CaptureSource, Callable[[dg.AssetExecutionContext, Capture], Described]] = {
    "jetstream": _replay,
    "archive": _download,
}
