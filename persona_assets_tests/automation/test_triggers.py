"""Days that arrive one by one: schedule and sensor together process each day once."""

import datetime as dt
import shutil
from collections import Counter

import dagster as dg
import pytest

from persona_assets.automation.triggers import build_daily_schedule, build_new_files_sensor
from persona_assets.capture.resource import Capture
from persona_assets.definitions import build_definitions
from persona_assets.partitions import daily_partitions
from persona_assets.recording.results import Filters, Gap
from persona_assets.recording.store import RecordingStore
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings
from persona_assets_tests.assets.embeddings.builders import make_model
from persona_assets_tests.whole_graph import ALL_DAYS_ASSETS, DAY_ASSETS, PERSONA_ASSETS

# Days in the past, because only days that have ended are partitions.
TODAY = dt.datetime.now(dt.UTC).date()
# The second day, whose file is late, is in the windows of the next two days, and not in those of the first and last.
WEEK = [TODAY - dt.timedelta(days=back) for back in range(5, 0, -1)]
WINDOW_DAYS = 3


class Week:
    """A capture to which days are delivered, and a Dagster instance on which schedule and sensor are evaluated."""

    def __init__(self, root, instance):
        self.root, self.instance, self.cursor, self.keys = root, instance, None, set()
        self.definitions = build_definitions(read_settings())

    def deliver(self, day):
        shutil.copytree(self.root / "to come" / self._folder(day), self.root / "capture" / self._folder(day))

    def deliver_late(self, day):
        folder = self.root / "capture" / self._folder(day)
        hour = min(path for path in folder.iterdir() if path.is_dir())
        (hour / "late.jsonl").write_bytes(next(path for path in hour.iterdir() if path.is_file()).read_bytes())
        return hour / "late.jsonl"

    @staticmethod
    def _folder(day):
        return day.strftime("bluesky-%Y-%m/%d")

    def tick_sensor(self):
        """Evaluate the sensor as a daemon that has just started would, and execute the run that it requests."""
        sensor = self.definitions.resolve_sensor_def("new_files")
        context = dg.build_sensor_context(
            self.instance,
            cursor=self.cursor,
            definitions=self.definitions,
            resources={"capture": Capture()},
        )
        answer = sensor.evaluate_tick(context)
        self.cursor = answer.cursor or context.cursor
        return [self._run(request) for request in answer.run_requests if self._is_new(request)], answer.skip_message

    def _is_new(self, request):
        """Return whether the run key is new: the daemon starts no second run with the same key."""
        is_new = request.run_key not in self.keys
        self.keys.add(request.run_key)
        return is_new

    def tick_schedule(self, day, hour=3):
        now = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(hour), dt.UTC)
        context = dg.build_schedule_context(
            self.instance, scheduled_execution_time=now, repository_def=self.definitions.get_repository_def()
        )
        answer = self.definitions.resolve_schedule_def("every_day").evaluate_tick(context)
        return [self._run(request) for request in answer.run_requests], answer.skip_message

    def _run(self, request):
        job = self.definitions.resolve_job_def("process_day")
        job.execute_in_process(
            partition_key=request.partition_key, instance=self.instance, tags=dict(request.tags), raise_on_error=False
        )
        return request.partition_key

    def break_day(self, day):
        """Block the path of the day's table, so that its run fails."""
        (self.root / "data" / "raw_events" / f"{day}.parquet" / "in the way").mkdir(parents=True)

    def mend_day(self, day):
        shutil.rmtree(self.root / "data" / "raw_events" / f"{day}.parquet")

    def reexecute(self, day):
        """Re-execute the last run of the day, as the UI does."""
        wanted = dg.RunsFilter(job_name="process_day", tags={"dagster/partition": f"{day}"})
        (last,) = self.instance.get_runs(wanted, limit=1)
        job = self.definitions.resolve_job_def("process_day")
        tags = {name: value for name, value in last.tags.items() if not name.startswith("dagster/")}
        job.execute_in_process(
            partition_key=f"{day}",
            instance=self.instance,
            tags={**tags, "dagster/parent_run_id": last.run_id, "dagster/root_run_id": last.run_id},
        )

    def count_made(self, asset):
        wanted = dg.AssetRecordsFilter(dg.AssetKey(asset))
        return Counter(made.partition_key for made in self.instance.fetch_materializations(wanted, limit=1000).records)


@pytest.fixture
def week(tmp_path, monkeypatch):
    write_capture(tmp_path / "to come", days=len(WEEK), start_date=WEEK[0], users=60, personas=2, seed=0)
    model = make_model(tmp_path / "model", pooling={"pooling_mode": "mean"})
    for name, value in {
        "CAPTURE": tmp_path / "capture",
        "DATA": tmp_path / "data",
        "START_DATE": WEEK[0],
        "END_DATE": WEEK[-1],  # otherwise another day ends if the tests run at midnight
        "WINDOW_DAYS": WINDOW_DAYS,
        "N_CLUSTERS": 2,
        "MIN_CLUSTER_SIZE": 2,
        "MODEL": model,
    }.items():
        monkeypatch.setenv(f"PERSONA_{name}", str(value))
    for folder in ("capture", "instance"):
        (tmp_path / folder).mkdir()
    # Not in memory: each evaluation of the schedule opens the instance again.
    with dg.DagsterInstance.local_temp(str(tmp_path / "instance")) as instance:
        yield Week(tmp_path, instance)


@pytest.mark.slow
def test_days_are_processed_one_by_one_and_again_after_a_late_file(week):
    for number, day in enumerate(WEEK):
        assert week.tick_sensor()[0] == []
        week.deliver(day)
        # On even days the sensor is evaluated first, on odd days the schedule.
        ticks = [lambda: week.tick_sensor()[0], lambda: week.tick_sensor()[0]]
        ticks.insert(2 * (number % 2 == 0), lambda day=day: week.tick_schedule(day)[0])
        assert [made for tick in ticks for made in tick()] == [f"{day}"]

    for asset in (*DAY_ASSETS, *PERSONA_ASSETS):
        assert week.count_made(asset) == dict.fromkeys(map(str, WEEK), 1), asset

    for asset in ALL_DAYS_ASSETS:
        assert week.count_made(asset) == {None: len(WEEK)}, asset

    late = WEEK[1]
    week.deliver_late(late)
    assert week.tick_sensor()[0] == []  # the files may still change
    assert week.tick_sensor()[0] == [f"{late}"]
    assert week.tick_sensor() == ([], f"{len(WEEK)} days have files, all of them parsed")
    assert week.count_made("raw_events")[f"{late}"] == 2
    assert find_stale(week, "clusters") == [f"{day}" for day in WEEK[2:4]]  # three days have it in their window


@pytest.mark.slow
def test_a_failed_day_does_not_block_later_days_and_can_be_reexecuted(week):
    first, second, third = WEEK[:3]
    week.break_day(first)
    for day in (first, second):
        week.deliver(day)

    asked = [week.tick_sensor()[0] for _ in range(3)]
    still_failed, why = week.tick_sensor()

    assert asked == [[], [f"{first}"], [f"{second}"]]
    assert week.count_made("raw_events") == {f"{second}": 1}
    assert still_failed == []
    assert f"the last run failed: {first} (fix the error that the run shows, then re-execute it)" in why

    week.mend_day(first)
    week.reexecute(first)
    assert week.tick_sensor() == ([], "2 days have files, all of them parsed")
    assert week.count_made("raw_events") == {f"{first}": 1, f"{second}": 1}

    week.deliver(third)
    assert [week.tick_sensor()[0] for _ in range(3)] == [[], [f"{third}"], []]


@pytest.mark.slow
def test_a_failed_day_is_requested_again_after_its_files_changed_even_back(week):
    day = WEEK[0]
    week.break_day(day)
    week.deliver(day)
    asked = [week.tick_sensor()[0] for _ in range(3)]

    late = week.deliver_late(day)
    asked += [week.tick_sensor()[0] for _ in range(3)]
    late.unlink()
    week.mend_day(day)
    asked += [week.tick_sensor()[0] for _ in range(3)]

    assert asked == [[], [f"{day}"], []] * 3
    assert week.count_made("raw_events") == {f"{day}": 1}


def find_stale(week, asset):
    """The partitions that the UI marks as out of date."""
    from dagster._core.definitions.data_version import (  # noqa: PLC0415 - private, and for this test alone
        CachingStaleStatusResolver,
        StaleStatus,
    )
    from dagster._core.loader import LoadingContextForTest  # noqa: PLC0415 - the same

    resolver = CachingStaleStatusResolver(
        week.instance, week.definitions.resolve_asset_graph(), LoadingContextForTest(week.instance)
    )
    days = [f"{day}" for day in WEEK]
    return [day for day in days if resolver.get_status(dg.AssetKey(asset), day) is StaleStatus.STALE]


def test_a_missing_capture_is_the_reason_to_skip(week):
    shutil.rmtree(week.root / "capture")

    requested, why = week.tick_sensor()

    assert requested == []
    assert "PERSONA_CAPTURE" in why


def test_no_run_is_started_while_another_day_is_active(week):
    for day in WEEK[:2]:
        week.deliver(day)
    week.tick_sensor()
    week.instance.create_run_for_job(
        week.definitions.resolve_job_def("process_day"),
        tags={"dagster/partition": f"{WEEK[0]}"},
        status=dg.DagsterRunStatus.STARTED,
    )

    assert week.tick_sensor() == (
        [],
        f"a run for {WEEK[0]} is under way; if its process is dead, end the run in the UI",
    )
    assert week.tick_schedule(WEEK[0]) == (
        [],
        f"a run for {WEEK[0]} is under way; if its process is dead, end the run in the UI",
    )


def test_the_schedule_skips_days_before_the_first_partition(week):
    before = WEEK[0] - dt.timedelta(days=1)

    assert week.tick_schedule(before) == (
        [],
        f"{before} is not a day of the graph, {WEEK[0]} to {WEEK[-1]} (PERSONA_START_DATE, PERSONA_END_DATE)",
    )


def test_days_after_the_last_partition_are_skipped(week, monkeypatch):
    monkeypatch.setenv("PERSONA_END_DATE", f"{WEEK[1]}")
    week.definitions = build_definitions(read_settings())
    for day in WEEK:
        week.deliver(day)

    assert week.tick_schedule(WEEK[2]) == (
        [],
        f"{WEEK[2]} is not a day of the graph, {WEEK[0]} to {WEEK[1]} (PERSONA_START_DATE, PERSONA_END_DATE)",
    )
    assert week.tick_sensor()[1].startswith(f"{WEEK[0]}, {WEEK[1]}: looked at again next time")


def test_the_hour_of_the_schedule_is_a_setting():
    assert build_daily_schedule(daily_partitions(WEEK[0]), hour_utc=5).cron_schedule == "0 5 * * *"


def test_the_sensor_observes_changed_days_and_the_recorder(tmp_path):
    day, root = WEEK[-1], tmp_path / "capture"
    store = RecordingStore(root, Filters(), mode="live", keep_totals=False)
    for hour in (22, 23):
        start_us = int(dt.datetime.combine(day, dt.time(hour), dt.UTC).timestamp()) * 1_000_000
        store.add_event(start_us, b"{}")
        store.write_gap(Gap(start_us, start_us + 2_000_000, "the connection was lost"))
    store.flush(start_us + 3_600_000_000)
    store.finish_files(is_complete=False)
    sensor = build_new_files_sensor(daily_partitions(WEEK[0]), watched_days=3)

    def observe(cursor):
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance, cursor=cursor, resources={"capture": Capture(root=str(root))})
            answer = sensor(context)
        shown = [
            (event.partition, {name: value.value for name, value in event.metadata.items()})
            for event in answer.asset_events
        ]
        return answer.cursor, shown

    cursor, ((partition, of_day), (none, of_recorder)) = observe(None)
    _, again = observe(cursor)

    assert (partition, of_day["files"], of_day["hours"], of_day["seconds_without_events"]) == (f"{day}", 2, 2, 4.0)
    assert "the connection was lost" in of_day["gaps"]
    assert none is None
    assert [record.data["events"] for record in of_recorder["events_an_hour"].records] == [1, 1]
    assert of_recorder["lag_seconds"] >= 0
    assert len(again) == 1  # of the recorder: the day's files have not changed


def test_a_changed_or_new_file_changes_the_digest(tmp_path):
    folder = tmp_path / f"{WEEK[0]}"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    capture = Capture(root=str(tmp_path), pattern=None, workers=1)
    digests = [capture.digest_day(WEEK[0])]
    (folder / "a").write_bytes(b"12")
    digests.append(capture.digest_day(WEEK[0]))
    (folder / "b").write_bytes(b"")
    digests.append(capture.digest_day(WEEK[0]))

    assert len(set(digests)) == 3
