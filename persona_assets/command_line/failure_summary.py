"""What a command says last: why its steps failed and what to do, in the words of this package's own errors."""

import atexit
import logging
import sys
from collections.abc import Callable
from typing import Any, TextIO

from dagster import DagsterEvent, DagsterEventType
from dagster._core.log_manager import LOG_RECORD_METADATA_ATTR
from dagster_shared.error import SerializableErrorInfo

from persona_assets import errors

_OURS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.PersonaAssetsError)
}


def end_with_errors() -> "Ending":
    """Have this process end with the errors of its steps, and its console leave out their tracebacks before."""
    logging.setLoggerClass(BriefLogger)  # of the console's logger, which Dagster makes for each run
    return Ending()


class Ending:
    """Collects the errors of a command's steps, and prints each once when the process ends.

    When it ends, because Dagster has a last word of its own, "Materialization failed", after all of a run's.
    """

    def __init__(
        self, *, at_exit: Callable[[Callable[[], Any]], Any] = atexit.register, to: TextIO | None = None
    ) -> None:
        """Print to `to`, by default standard error, when `at_exit` lets it."""
        self._said: list[str] = []
        self._to = to
        at_exit(self.say)

    def note(self, error: SerializableErrorInfo | None) -> None:
        """Remember the error of ours that a step failed for, if there is one."""
        message = find_own_message(error)
        if message and message not in self._said:
            self._said.append(message)

    def say(self) -> None:
        """Print what was remembered."""
        for message in self._said:
            print(f"\n{message}", file=self._to or sys.stderr)


def find_own_message(error: SerializableErrorInfo | None) -> str | None:
    """Return the text of the first error of this package among an error and its causes, without its class."""
    while error is not None:
        if error.cls_name in _OURS:
            return error.message.partition(": ")[2].strip()
        error = error.cause or error.context
    return None


class BriefLogger(logging.Logger):
    """A logger that leaves the traceback out of an event that failed for an error of this package.

    The error says what is wrong and what to do, where a traceback is forty lines about Dagster. Of a step it is said at
    the end (`Ending`), of a run at once. The event itself keeps the traceback: the UI shows it with the run.
    """

    def makeRecord(self, *args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: N802 - logging's name
        """Make the record, brief if it is of such an event."""
        record = super().makeRecord(*args, **kwargs)
        event = getattr(record, LOG_RECORD_METADATA_ATTR, {}).get("dagster_event")
        if isinstance(event, DagsterEvent):
            first_line = str(record.msg).partition("\n")[0]
            if event.is_step_failure or (event.is_run_failure and event.job_failure_data.first_step_failure_event):
                if find_own_message(_error_of_step(event)):
                    record.msg, record.args = first_line, ()
            elif event.is_run_failure and (message := find_own_message(event.job_failure_data.error)):
                record.msg, record.args = f"{first_line} {message}", ()
            elif event.event_type == DagsterEventType.RUN_CANCELED and find_own_message(event.job_canceled_data.error):
                record.msg, record.args = first_line, ()  # the message has been logged, as an error
        return record


def _error_of_step(event: DagsterEvent) -> SerializableErrorInfo | None:
    failed = event if event.is_step_failure else event.job_failure_data.first_step_failure_event
    return failed.step_failure_data.error if failed else None
