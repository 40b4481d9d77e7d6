"""Print the errors of failed steps once more when a command ends, without tracebacks."""

import atexit
import logging
import sys
from collections.abc import Callable
from typing import Any, TextIO

from dagster import DagsterEvent, DagsterEventType
from dagster._core.log_manager import LOG_RECORD_METADATA_ATTR
from dagster_shared.error import SerializableErrorInfo

from persona_assets import errors

_OWN_ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.PersonaAssetsError)
}


def print_failures_at_exit() -> "FailureSummary":
    """Hide tracebacks of this package's errors on the console; return a summary that prints them at process exit."""
    logging.setLoggerClass(BriefLogger)  # Dagster makes a console logger of this class for each run
    return FailureSummary()


class FailureSummary:
    """Collects the errors of failed steps, and prints each distinct one when the process exits.

    At exit they come after Dagster's own last line, "Materialization failed".
    """

    def __init__(
        self, *, at_exit: Callable[[Callable[[], Any]], Any] = atexit.register, to: TextIO | None = None
    ) -> None:
        """Start without errors.

        Args:
            at_exit: Registers the function that prints the errors.
            to: Where errors are printed; None for standard error.
        """
        self._messages: list[str] = []
        self._to = to
        at_exit(self.print_all)

    def add_if_package_error(self, error: SerializableErrorInfo | None) -> None:
        """Store the message of a failed step's error, if it or one of its causes is a `PersonaAssetsError`."""
        message = find_package_error_message(error)
        if message and message not in self._messages:
            self._messages.append(message)

    def print_all(self) -> None:
        """Print each distinct stored message once, with an empty line before it."""
        for message in self._messages:
            print(f"\n{message}", file=self._to or sys.stderr)


def find_package_error_message(error: SerializableErrorInfo | None) -> str | None:
    """Return the message of the first `PersonaAssetsError` among an error and its causes; None if there is none."""
    while error is not None:
        if error.cls_name in _OWN_ERRORS:
            return error.message.partition(": ")[2].strip()
        error = error.cause or error.context
    return None


class BriefLogger(logging.Logger):
    """A logger that logs failure events without their traceback if a `PersonaAssetsError` caused them.

    The message of the error says what is wrong and what to do. The traceback would be forty lines about Dagster. The
    message of a failed step is printed at exit by `FailureSummary`, that of a failed run at once. The event keeps its
    traceback, which the UI shows.
    """

    def makeRecord(self, *args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: N802 - logging's name
        """Create the log record; its traceback is left out if a `PersonaAssetsError` caused the failure event."""
        record = super().makeRecord(*args, **kwargs)
        event = getattr(record, LOG_RECORD_METADATA_ATTR, {}).get("dagster_event")
        if isinstance(event, DagsterEvent):
            first_line = str(record.msg).partition("\n")[0]
            if event.is_step_failure or (event.is_run_failure and event.job_failure_data.first_step_failure_event):
                if find_package_error_message(_error_of_step(event)):
                    record.msg, record.args = first_line, ()
            elif event.is_run_failure and (message := find_package_error_message(event.job_failure_data.error)):
                record.msg, record.args = f"{first_line} {message}", ()
            elif event.event_type == DagsterEventType.RUN_CANCELED and find_package_error_message(
                event.job_canceled_data.error
            ):
                record.msg, record.args = first_line, ()  # `day_ranges` has already logged the message
        return record


def _error_of_step(event: DagsterEvent) -> SerializableErrorInfo | None:
    failed = event if event.is_step_failure else event.job_failure_data.first_step_failure_event
    return failed.step_failure_data.error if failed else None
