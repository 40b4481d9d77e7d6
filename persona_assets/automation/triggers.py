"""A schedule for each day that has ended, and a sensor for days whose capture files are new or have changed.

Either is enough. If both are on, each checks what the other has already done. Both are off by default.
"""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import dagster as dg

from persona_assets.automation.due_days import choose_due_day
from persona_assets.automation.instance_history import (
    DIGEST_TAG,
    find_active_days,
    find_failed_digests,
    find_last_runs,
    find_parsed_digests,
)
from persona_assets.automation.jobs import process_day
from persona_assets.capture.resource import Capture
from persona_assets.errors import CaptureFilesError
from persona_assets.partitions import DAY_FORMAT
from persona_assets.recording.day_notes import build_gap_metadata
from persona_assets.recording.position import RecorderPosition

# Interval between evaluations of the sensor. Files that have not changed between two of them are stable.
EVALUATION_INTERVAL_SECONDS = 600
_HOURS_SHOWN = 24
# A run whose process was killed stays under way, because it does not report its end.
_UNDER_WAY = "a run for {} is under way; if its process is dead, end the run in the UI"


def build_daily_schedule(days: dg.DailyPartitionsDefinition, *, hour_utc: int) -> dg.ScheduleDefinition:
    """Return the schedule that runs `process_day` for the previous day, daily at `hour_utc` o'clock (UTC)."""

    @dg.schedule(
        name="every_day",
        job=process_day,
        cron_schedule=f"0 {hour_utc} * * *",
        execution_timezone="UTC",
        description="Processes the day before, up to the graph's last day. A day that the capture lacks makes a failed "
        "run, which says so.",
    )
    def every_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = (context.scheduled_execution_time.astimezone(dt.UTC) - dt.timedelta(days=1)).strftime(DAY_FORMAT)
        if not days.has_partition_key(day):
            first, last = days.get_first_partition_key(), days.get_last_partition_key()
            return dg.SkipReason(
                f"{day} is not a day of the graph, {first} to {last} (PERSONA_START_DATE, PERSONA_END_DATE)"
            )
        if day in find_active_days(context.instance):
            return dg.SkipReason(_UNDER_WAY.format(day))
        if day in find_parsed_digests(context.instance, [day]):
            return dg.SkipReason(f"{day} has been processed")
        return dg.RunRequest(run_key=day, partition_key=day)

    return every_day


def build_new_files_sensor(days: dg.DailyPartitionsDefinition, *, watched_days: int) -> dg.SensorDefinition:
    """Return the sensor that runs `process_day` for those of the last `watched_days` days with new or changed files.

    Args:
        days: Days of the graph.
        watched_days: Number of days to look at, counted back from the last one.
    """

    @dg.sensor(
        name="new_files",
        job=process_day,
        minimum_interval_seconds=EVALUATION_INTERVAL_SECONDS,
        description="Processes days that are new in the capture, and days that have grown since they were parsed, one "
        "at a time, once their files have stayed the same for ten minutes.",
    )
    def new_files(context: dg.SensorEvaluationContext, capture: Capture) -> dg.SensorResult:
        now = dt.datetime.now(dt.UTC)
        listed, problem = _list_days(capture, days.get_partition_keys()[-watched_days:])
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        changed = [day for day in listed if listed[day] != seen.get(day)]
        observations = [_observe(capture, dt.date.fromisoformat(day), now) for day in changed]
        if (position := capture.read_position()) is not None:
            observations.append(_observe_recorder(position, now))
        outcome = _choose_run(context, listed, seen) if listed else dg.SkipReason(problem)
        is_run = isinstance(outcome, dg.RunRequest)
        return dg.SensorResult(
            run_requests=[outcome] if is_run else None,
            skip_reason=None if is_run else outcome,
            cursor=json.dumps(listed),
            asset_events=observations,
        )

    return new_files


def _choose_run(
    context: dg.SensorEvaluationContext, listed: dict[str, str], seen: dict[str, str]
) -> dg.RunRequest | dg.SkipReason:
    """Return the run of a day that is due, or why there is none."""
    if active := find_active_days(context.instance):
        return dg.SkipReason(_UNDER_WAY.format(", ".join(active)))
    parsed, last_runs = find_parsed_digests(context.instance, listed), find_last_runs(context.instance, listed)
    due = choose_due_day(listed, seen=seen, parsed=parsed, failed=find_failed_digests(last_runs))
    if due.day is None:
        return dg.SkipReason(due.reason)
    context.log.info("%s: %s", due.day, due.reason)
    # Dagster starts no second run with the same key. With the last run in it, equal files can be processed again.
    last = last_runs[due.day].run_id if due.day in last_runs else "none"
    key = f"{due.day}: {parsed.get(due.day, 'new')} to {listed[due.day]}, after run {last}"
    return dg.RunRequest(run_key=key, partition_key=due.day, tags={DIGEST_TAG: listed[due.day]})


def _observe(capture: Capture, day: dt.date, now: dt.datetime) -> dg.AssetObservation:
    """Return what the files of a day are like now, for the page of `captured_events`."""
    files = capture.list_day_files(day)
    hours = [file.hour for file in files if file.hour is not None]
    size = sum(file.size for file in files)
    metadata: dict[str, Any] = {
        "files": len(files),
        "bytes": size,
        **build_gap_metadata(capture.list_gaps(day)),
    }
    if hours:
        end = dt.datetime.combine(day, dt.time(max(hours)), dt.UTC) + dt.timedelta(hours=1)
        metadata["hours"] = len(set(hours))
        metadata["bytes_an_hour"] = size // len(set(hours))
        metadata["lag_seconds"] = max(0, round((now - end).total_seconds()))
    return dg.AssetObservation("captured_events", partition=f"{day}", metadata=metadata)


def _observe_recorder(position: RecorderPosition, now: dt.datetime) -> dg.AssetObservation:
    """Return how far the recorder is, for the page of `captured_events`; it belongs to no day."""
    hours = list(position.events_by_hour.items())[-_HOURS_SHOWN:]
    metadata = {
        "lag_seconds": round(max(0.0, now.timestamp() - position.cursor_us / 1e6), 1),
        "events_an_hour": dg.MetadataValue.table(
            [dg.TableRecord({"hour": hour, "events": events}) for hour, events in hours],
            schema=dg.TableSchema([dg.TableColumn("hour", "string"), dg.TableColumn("events", "int")]),
        ),
    }
    return dg.AssetObservation("captured_events", metadata=metadata)


def _list_days(capture: Capture, days: Sequence[str]) -> tuple[dict[str, str], str]:
    """Return the digest of each day that has files, and why the last day without files has none."""
    listed: dict[str, str] = {}
    problem = "no day has ended yet since PERSONA_START_DATE"
    for day in days:
        try:
            listed[day] = capture.digest_day(dt.date.fromisoformat(day))
        except CaptureFilesError as error:
            problem = str(error)
    return listed, problem
