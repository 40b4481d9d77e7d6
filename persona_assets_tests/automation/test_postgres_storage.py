"""Dagster's storage in PostgreSQL goes on when the database restarts, and stores each event once."""

import signal
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable

from persona_assets.automation.postgres_storage import ReconnectingPostgresStorage
from persona_assets_tests.postgres_server import find_postgres_obstacle, running_postgres

RUN = "7ee8b0a4-35d5-4a1f-9a02-3d4cd4ad2a00"
KEY = dg.AssetKey("raw_events")
TAG = "dagster/partition/colour"  # of a dimension of partitions: Dagster indexes no others
# Dagster's own class gives up after 12 s.
OUTAGE_SECONDS = 15.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server():
    if obstacle := find_postgres_obstacle():
        pytest.skip(obstacle)
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        Path(folder).chmod(0o755)
        with running_postgres(Path(folder) / "postgres") as server:
            yield server


@pytest.fixture
def storage(server):
    storage = ReconnectingPostgresStorage(server.url, longest_outage_seconds=120)
    storage.event_log_storage.wipe()
    storage.run_storage.wipe()
    with storage.event_log_storage.index_connection() as connection:
        connection.execute(AssetCheckExecutionsTable.delete())
    return storage


def log_message():
    return EventLogEntry(None, 10, "said", RUN, time.time())


def of_step(kind, **details):
    event = DagsterEvent(kind.value, "parse_days", step_key="raw_events", **details)
    return EventLogEntry(None, 10, "", RUN, time.time(), "raw_events", "parse_days", event)


def step_success():
    return of_step(DagsterEventType.STEP_SUCCESS, event_specific_data=StepSuccessData(12.5))


def materialization():
    made = dg.AssetMaterialization(KEY, partition="2025-03-01", tags={TAG: "red"})
    return of_step(DagsterEventType.ASSET_MATERIALIZATION, event_specific_data=StepMaterializationData(made))


def planned_check():
    planned = AssetCheckEvaluationPlanned(asset_key=KEY, check_name="every_line_is_accounted_for")
    return of_step(DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, event_specific_data=planned)


def evaluated_check():
    said = AssetCheckEvaluation(KEY, "every_line_is_accounted_for", passed=True, metadata={})
    return of_step(DagsterEventType.ASSET_CHECK_EVALUATION, event_specific_data=said)


EVENTS = (log_message, step_success, materialization, planned_check, evaluated_check)


@contextmanager
def connection_that_ends(storage, server, when, number):
    """End the session of the storage's statement with this number, `before` or `after` the server executes it."""
    engine, left = storage._event_log_storage._engine, [number]
    killer = sa.create_engine(server.url.replace("postgresql:", "postgresql+psycopg2:"), poolclass=sa.NullPool)

    def end_session(connection, *_arguments):
        left[0] -= 1
        if left[0] == 0:
            pid = connection.connection.dbapi_connection.info.backend_pid
            with killer.begin() as other:
                other.execute(sa.text("select pg_terminate_backend(:pid, 60000)"), {"pid": pid})

    name = {"before": "before_cursor_execute", "after": "after_cursor_execute"}[when]
    sa.event.listen(engine, name, end_session)
    try:
        yield left
    finally:
        sa.event.remove(engine, name, end_session)


def count_rows(storage, table):
    with storage._event_log_storage.index_connection() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("make", EVENTS, ids=lambda make: make.__name__)
def test_an_event_is_stored_once_wherever_its_connection_ends(storage, server, make, when):
    events = storage.event_log_storage
    number = 0
    while True:
        number += 1
        event = make()
        with connection_that_ends(storage, server, when, number) as left:
            events.store_event(event)
        stored = [record.event_log_entry for record in events.get_records_for_run(RUN).records]
        assert stored == [event]
        if make is materialization:
            (record,) = events.get_asset_records([KEY])
            assert record.asset_entry.last_materialization == event
            assert events.get_event_tags_for_asset(KEY) == [{TAG: "red"}]
        assert count_rows(storage, AssetCheckExecutionsTable) == (make in {planned_check, evaluated_check})
        if left[0] > 0:  # it needed fewer statements
            break
        with events.index_connection() as connection:
            for table in (SqlEventLogStorageTable, AssetCheckExecutionsTable):
                connection.execute(table.delete())
        events.wipe_asset(KEY)
    assert number > (3 if make is materialization else 2)


def test_reads_are_repeated(storage, server):
    events = storage.event_log_storage
    events.store_event(event := log_message())

    with connection_that_ends(storage, server, "before", 1) as left:
        (record,) = events.get_records_for_run(RUN).records

    assert left[0] <= 0
    assert record.event_log_entry == event


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_operations_wait_for_a_database_that_is_down(storage, server, by):
    server.stop(by)
    starter = threading.Timer(OUTAGE_SECONDS, server.start)
    starter.start()
    begun = time.monotonic()

    storage.event_log_storage.store_event(event := log_message())

    starter.join()
    assert time.monotonic() - begun >= OUTAGE_SECONDS
    assert [record.event_log_entry for record in storage.event_log_storage.get_records_for_run(RUN).records] == [event]


def test_a_database_that_stays_down_is_an_error(server):
    storage = ReconnectingPostgresStorage(server.url, longest_outage_seconds=1)
    server.stop()
    try:
        with pytest.raises(Exception, match="too many retries for DB connection"):
            storage.event_log_storage.get_records_for_run(RUN)
    finally:
        server.start()


def test_a_wrong_password_is_an_error_at_once(server):
    wrong = server.url.replace("@", "x@")
    begun = time.monotonic()

    with pytest.raises(sa.exc.OperationalError, match="authentication failed"):
        ReconnectingPostgresStorage(wrong, longest_outage_seconds=600)

    assert time.monotonic() - begun < 300


def test_other_processes_make_the_same_storage_from_dagster_yaml(server, tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_PG_URL", server.url)
    example = Path(__file__).parents[2] / "deploy" / "slurm" / "dagster.yaml"
    (tmp_path / "dagster.yaml").write_bytes(example.read_bytes())

    with (
        dg.DagsterInstance.from_config(str(tmp_path)) as instance,
        dg.DagsterInstance.from_ref(instance.get_ref()) as same,
    ):
        for made in (instance, same):
            assert isinstance(made._ref.storage, ReconnectingPostgresStorage)
            assert made.get_runs() == []
