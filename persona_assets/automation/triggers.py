"""What starts runs by itself: a schedule for each day that has ended, a sensor for days that come or grow.

Either will do; with both on, each asks what the other has done. Both start switched off.
"""

import datetime as dt
import json
from collections.abc import Sequence

import dagster as dg

from persona_assets.automation.due_days import choose_due_day
from persona_assets.automation.instance_history import (
    DIGEST_TAG,
    find_active,
    find_failed,
    find_last_runs,
    find_parsed,
)
from persona_assets.automation.jobs import process_day
from persona_assets.capture.resource import Capture
from persona_assets.errors import CaptureError
from persona_assets.partitions import DAY_FORMAT

# A day's files are at rest when two looks, so far apart, find the same.
LOOK_EVERY_SECONDS = 600
# A run whose process was killed says nothing of its end.
_UNDER_WAY = "a run for {} is under way; if its process is dead, end the run in the UI"


def build_schedule(days: dg.DailyPartitionsDefinition, *, hour: int) -> dg.ScheduleDefinition:
    """Return the schedule that runs `process_day` once for each of `days`, `hour` hours after it has ended (UTC)."""

    @dg.schedule(
        name="every_day",
        job=process_day,
        cron_schedule=f"0 {hour} * * *",
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
        if day in find_active(context.instance):
            return dg.SkipReason(_UNDER_WAY.format(day))
        if day in find_parsed(context.instance, [day]):
            return dg.SkipReason(f"{day} has been processed")
        return dg.RunRequest(run_key=day, partition_key=day)

    return every_day


def build_sensor(days: dg.DailyPartitionsDefinition, *, watched: int) -> dg.SensorDefinition:
    """Return the sensor that runs `process_day` for days of which files have come, the `watched` latest of `days`."""

    @dg.sensor(
        name="new_files",
        job=process_day,
        minimum_interval_seconds=LOOK_EVERY_SECONDS,
        description="Processes days that are new in the capture, and days that have grown since they were parsed, one "
        "at a time, once their files have stayed the same for ten minutes.",
    )
    def new_files(context: dg.SensorEvaluationContext, capture: Capture) -> dg.RunRequest | dg.SkipReason:
        listed, trouble = _list_days(capture, days.get_partition_keys()[-watched:])
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        context.update_cursor(json.dumps(listed))
        if not listed:
            return dg.SkipReason(trouble)
        if active := find_active(context.instance):
            return dg.SkipReason(_UNDER_WAY.format(", ".join(active)))
        parsed, last_runs = find_parsed(context.instance, listed), find_last_runs(context.instance, listed)
        due = choose_due_day(listed, seen=seen, parsed=parsed, failed=find_failed(last_runs))
        if due.day is None:
            return dg.SkipReason(due.why)
        context.log.info("%s: %s", due.day, due.why)
        # A key that was used starts nothing, for ever: files that come back to what they were once need another.
        last = last_runs[due.day].run_id if due.day in last_runs else "none"
        key = f"{due.day}: {parsed.get(due.day, 'new')} to {listed[due.day]}, after run {last}"
        return dg.RunRequest(run_key=key, partition_key=due.day, tags={DIGEST_TAG: listed[due.day]})

    return new_files


def _list_days(capture: Capture, days: Sequence[str]) -> tuple[dict[str, str], str]:
    """Return the digest of each day's files, of the days that have any, and what is the matter with the last other."""
    listed: dict[str, str] = {}
    trouble = "no day has ended yet since PERSONA_START_DATE"
    for day in days:
        try:
            listed[day] = capture.digest_day(dt.date.fromisoformat(day))
        except CaptureError as error:
            trouble = str(error)
    return listed, trouble
