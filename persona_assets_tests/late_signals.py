"""An event log storage for dagster.yaml that sends a signal at the last moment of a run."""

import os
import signal

from dagster import DagsterEventType
from dagster._core.storage.event_log import SqliteEventLogStorage

# Name of a signal. It is sent once, just before the first run of this process is recorded as successful.
LATE_SIGNAL = "LATE_SIGNAL"


class LateSignals(SqliteEventLogStorage):
    """Dagster's SQLite event log storage, which also sends the signal."""

    @classmethod
    def from_config_value(cls, inst_data, config_value):
        return cls(inst_data=inst_data, **config_value)

    def store_event(self, event):
        is_end = event.is_dagster_event and event.dagster_event_type == DagsterEventType.RUN_SUCCESS
        if is_end and (name := os.environ.pop(LATE_SIGNAL, None)):
            signal.raise_signal(signal.Signals[name])
        super().store_event(event)


def write_instance(home):
    """Return the entry of dagster.yaml that gives the instance in the folder `home` this storage."""
    folder = home / "history" / "runs"
    return f"event_log_storage: {{module: {__name__}, class: LateSignals, config: {{base_dir: {folder}}}}}\n"
