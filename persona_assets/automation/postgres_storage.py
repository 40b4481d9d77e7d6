"""Dagster's storage in PostgreSQL, for runs that go on when the database restarts. dagster.yaml names the class.

Dagster's own class connects anew for twelve seconds, and does not repeat a statement that the end of a connection
interrupts. A step whose event is not stored fails. A run that cannot be marked as failed stays *Started* and keeps its
place in the queue.
"""

import functools
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
import sqlalchemy.event
from dagster import Field, IntSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._serdes import ConfigurableClassData, serialize_value
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import pg_config, pg_url_from_config
from sqlalchemy.exc import DBAPIError

# SQLAlchemy 2.1 takes a driver for `postgresql:` that dagster-postgres does not install.
DRIVER = "postgresql+psycopg2:"

# Errors of a login that fails again however often it is tried.
PERMANENT_ERRORS = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|does not exist|permission denied|invalid"
)
# A database that has gone with its machine answers nothing: libpq would wait for minutes, or for hours in a statement.
CONNECTION_OPTIONS = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 5.0

# What a run and its steps call, and what gives the same state if it is done twice. All reads do.
READS = ("get_", "has_", "fetch_", "all_", "can_", "check_")
REPEATABLE_WRITES = {
    *("handle_run_event", "add_run_tags", "add_daemon_heartbeat", "set_cursor_values", "update_backfill"),
    *("assign_pending_steps", "free_concurrency_slots_for_run", "free_concurrency_slot_for_step"),
}

_log = logging.getLogger("dagster.postgres")


class ReconnectingPostgresStorage(DagsterPostgresStorage):
    """`DagsterPostgresStorage` that waits for a database that restarts, in every process but the web server.

    - A connection is tried again for `longest_outage_seconds`, unless the error is one of login.
    - Reads, and writes that may be done twice, are repeated if the connection ends in the middle.
    - An event is stored once: before it is repeated, the events that have been stored are looked at.

    Its options in dagster.yaml are those of `DagsterPostgresStorage`, and `longest_outage_seconds`.
    """

    def __init__(
        self,
        postgres_url: str,
        *,
        longest_outage_seconds: int,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        """Wait until the database accepts connections, and connect.

        Args:
            postgres_url: The URL, as `postgresql://user@host:5432/database`.
            longest_outage_seconds: How long an operation waits for the database, at most.
            should_autocreate_tables: Whether tables that are missing are created.
            inst_data: The options in dagster.yaml, from which other processes make the same storage.

        Raises:
            sqlalchemy.exc.OperationalError: The login fails, or there was no connection in this time.
        """
        postgres_url = re.sub("^postgres(ql)?:", DRIVER, postgres_url)
        engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)
        reconnect(engine, seconds=longest_outage_seconds)
        engine.connect().close()
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        events = self._event_log_storage
        for storage in (self._run_storage, events, self._schedule_storage):
            make_patient(storage, seconds=longest_outage_seconds)
        store = functools.partial(store_event_once, events, events.store_event, seconds=longest_outage_seconds)
        events.store_event = store  # pyright: ignore[reportAttributeAccessIssue] - the same arguments

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Return the schema of the options in dagster.yaml."""
        outage = Field(IntSource, is_required=False, default_value=600)
        options: Any = pg_config()  # a dict, which its annotation does not say
        return {**options, "longest_outage_seconds": outage}

    @classmethod
    def from_config_value(  # pyright: ignore[reportIncompatibleMethodOverride] - as in the class above
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "ReconnectingPostgresStorage":
        """Return the storage for options of dagster.yaml."""
        return cls(
            pg_url_from_config(config_value),
            longest_outage_seconds=config_value["longest_outage_seconds"],
            should_autocreate_tables=config_value["should_autocreate_tables"],
            inst_data=inst_data,
        )


def make_patient(storage: Any, *, seconds: float) -> None:
    """Make a storage of dagster-postgres connect again, and repeat what may be done twice, for `seconds` at most."""
    reconnect(storage._engine, seconds=seconds)  # noqa: SLF001 - Dagster has no option for it
    names = [name for name in dir(type(storage)) if name.startswith(READS) or name in REPEATABLE_WRITES]
    for name in names:
        if callable(getattr(type(storage), name)):  # a property is not
            setattr(storage, name, functools.partial(repeat_if_disconnected, getattr(storage, name), seconds=seconds))


def reconnect(engine: sa.Engine, *, seconds: float) -> None:
    """Make an engine try a connection again, until the database has not answered for `seconds`."""
    silent_since: float | None = None

    def connect(dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        nonlocal silent_since
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                connection = dialect.connect(*arguments, **CONNECTION_OPTIONS | options)
            except dialect.loaded_dbapi.OperationalError as error:
                silent_since = silent_since or time.monotonic()
                if PERMANENT_ERRORS.search(str(error)) or time.monotonic() + wait > silent_since + seconds:
                    raise
                _log.warning("The database does not answer; trying again in %.1f s.", wait)
            else:
                silent_since = None
                return connection
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    sqlalchemy.event.listen(engine, "do_connect", connect)


def repeat_if_disconnected(method: Callable[..., Any], *arguments: Any, seconds: float, **options: Any) -> Any:
    """Call a method of a storage, and again if its connection ended in the middle, for `seconds` at most."""
    end = time.monotonic() + seconds
    while True:
        try:
            return method(*arguments, **options)
        except DBAPIError as error:
            _wait_or_raise(error, end)
            _log.warning("A connection to the database ended in the middle; repeating %s.", method.__name__)


def _wait_or_raise(error: DBAPIError, end: float) -> None:
    """Wait before another try; raise the error if it is not the end of a connection, or if it is later than `end`."""
    if not error.connection_invalidated or time.monotonic() > end:
        raise error
    time.sleep(FIRST_WAIT_SECONDS)


def store_event_once(
    storage: PostgresEventLogStorage, store: Callable[[EventLogEntry], None], event: EventLogEntry, *, seconds: float
) -> None:
    """Store an event by `store`, and again if the connection ended before all of it was stored, for `seconds` at most.

    Args:
        storage: Where events are stored.
        store: Its method. It makes several statements, each of which may be the last one before the connection ends.
        event: The event, which no other event equals: it has a time.
        seconds: How long to try.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            return store(event)
        except DBAPIError as error:
            _wait_or_raise(error, end)
            _log.warning("A connection to the database ended while an event was stored; looking whether it is.")
        if repeat_if_disconnected(_finish_event, storage, event, seconds=seconds):
            return None


def _finish_event(storage: PostgresEventLogStorage, event: EventLogEntry) -> bool:
    """Return whether nothing is left to store of an event; otherwise remove what is stored of it."""
    columns = SqlEventLogStorageTable.c
    same = sa.and_(columns.run_id == event.run_id, columns.event == serialize_value(event))
    with storage.index_transaction() as connection:
        ids = connection.execute(sa.select(columns.id).where(same)).scalars().all()
        if not ids:
            return False
        details = event.dagster_event
        # Events about assets and checks have rows in other tables, which are written after them.
        if details is None or (details.asset_key is None and "ASSET" not in details.event_type_value):
            return True
        checks = AssetCheckExecutionsTable.c.evaluation_event_storage_id
        connection.execute(AssetCheckExecutionsTable.delete().where(checks.in_(ids)))
        connection.execute(AssetEventTagsTable.delete().where(AssetEventTagsTable.c.event_id.in_(ids)))
        connection.execute(SqlEventLogStorageTable.delete().where(columns.id.in_(ids)))
        return False
