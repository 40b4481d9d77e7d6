"""An event log for `dagster.yaml` that has a signal arrive as late in a run as it can."""

import os
import signal

from dagster import DagsterEventType
from dagster._core.storage.event_log import SqliteEventLogStorage

# The name of a signal, sent once: as the first run that this process ends is about to be written down as successful.
LATE_SIGNAL = "LATE_SIGNAL"


class LateSignals(SqliteEventLogStorage):
    """Dagster's own, except for the signal."""

    @classmethod
    def from_config_value(cls, inst_data, config_value):
        return cls(inst_data=inst_data, **config_value)

    def store_event(self, event):
        is_end = event.is_dagster_event and event.dagster_event_type == DagsterEventType.RUN_SUCCESS
        if is_end and (name := os.environ.pop(LATE_SIGNAL, None)):
            signal.raise_signal(signal.Signals[name])
        super().store_event(event)


def write_instance(home):
    """Return what dagster.yaml says so that an instance in the folder `home` has this log."""
    folder = home / "history" / "runs"
    return f"event_log_storage: {{module: {__name__}, class: LateSignals, config: {{base_dir: {folder}}}}}\n"
