"""Run jobs of the graph one after the other in this process, with a line on the console for each run."""

import logging
import os
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TextIO

from persona_assets.common.interrupts import interrupting_on_signal

if TYPE_CHECKING:
    import dagster as dg

WIDTH = 100  # characters per line
LOG_LINES = 20  # lines shown from the log of a failed run
# Names of the rows of the assets whose row counts are printed.
ROW_NAMES = {
    "raw_events": "events",
    "english_posts": "English posts",
    "english_users": "users with enough English posts",
}
# The tag that the UI gives its own runs, so that it lists these runs under this code location too.
LOCATION_TAG = {".dagster/repository": "__repository__@persona_assets"}


class Stage(NamedTuple):
    """A job to run: its name, its description on the console, and its days; day None is a run without partition."""

    job: str
    description: str
    days: Sequence[str | None]


class StageFailedError(Exception):
    """A job that `run_stages` ran has failed; the message has the end of the log.

    The message names the run and has the last lines of the log.
    """


def run_stages(stages: Sequence[Stage], log_file: Path) -> None:
    """Run the jobs of `stages` in turn in this process, on the UI's Dagster instance; log their output to `log_file`.

    More processes would each import Dagster, torch and scikit-learn again.

    Args:
        stages: Jobs in the order in which they run.
        log_file: Is written anew.

    Raises:
        StageFailedError: A run failed. Later ones are not started.
        KeyboardInterrupt: A signal arrived.
    """
    # Must be set before torch is imported. Its waiting threads then sleep instead of spin. On two cores with other
    # work, spinning took 15 s of CPU per day of the capture, sleeping 4 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with log_file.open("wb") as log, _showing_log_of_failure(log_file), _console_to(log) as console:
        import dagster as dg  # noqa: PLC0415 - takes 1.3 s, after the first output

        from persona_assets.definitions import defs  # noqa: PLC0415 - the same

        stop = threading.Event()  # Dagster loses a signal that arrives after the last step of a run
        with dg.DagsterInstance.get() as instance, interrupting_on_signal(stop.set, interrupt_errors=()):
            for stage in stages:
                print_line(console, f"\n{stage.description} (job {stage.job})")
                for day in stage.days:
                    start = time.perf_counter()
                    run = defs.resolve_job_def(stage.job).execute_in_process(
                        instance=instance, partition_key=day, tags=LOCATION_TAG, raise_on_error=False
                    )
                    for warning in _find_warnings(instance, run.run_id):
                        print_line(console, warning)
                    if stop.is_set():
                        raise KeyboardInterrupt
                    if not run.success:
                        raise _find_failure(run, f"job {stage.job}{f' of {day}' if day else ''}")
                    print_finished_stage(console, day or "all days", start, _describe(run))


@contextmanager
def _console_to(log: BinaryIO) -> Generator[TextIO]:
    """Redirect stdout and stderr of this process and its children to `log`; yield the original stdout."""
    sys.stdout.flush()
    sys.stderr.flush()
    originals = os.dup(1), os.dup(2)
    try:
        for number in (1, 2):
            os.dup2(log.fileno(), number)
        with os.fdopen(os.dup(originals[0]), "w", encoding="utf-8") as console:
            yield console
    except StageFailedError:
        raise
    except Exception:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in zip((1, 2), originals, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)


@contextmanager
def _showing_log_of_failure(log_file: Path) -> Generator[None]:
    """Turn any exception of the block into a `StageFailedError` with the last lines and the path of the log."""
    try:
        yield
    except Exception as error:
        lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        what = error if isinstance(error, StageFailedError) else type(error).__name__
        raise StageFailedError(f"{what}. The end of the log, {log_file}:\n\n" + "\n".join(lines)) from error


def _find_warnings(instance: "dg.DagsterInstance", run_id: str) -> Iterator[str]:
    """Yield the warnings and errors that steps of a run logged, including failed checks, wrapped for the console."""
    for entry in instance.all_logs(run_id):
        if not entry.is_dagster_event and entry.level in {logging.WARNING, logging.ERROR, logging.CRITICAL}:
            yield textwrap.fill(
                f"Warning of {entry.step_key}: {entry.user_message}",
                WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
            )


def _find_failure(run: "dg.ExecuteInProcessResult", what: str) -> BaseException:
    """Return the exception for a failed run: `KeyboardInterrupt` if it was interrupted, else `StageFailedError`."""
    errors = [event.step_failure_data.error for event in run.all_events if event.is_step_failure]
    if any(error is not None and error.cls_name == "DagsterExecutionInterruptedError" for error in errors):
        return KeyboardInterrupt()
    return StageFailedError(f"{what} failed")


def _describe(run: "dg.ExecuteInProcessResult") -> str:
    """Return the row counts of the assets in `ROW_NAMES` that the run materialized, in words."""
    counts = {
        materialization.asset_key.to_user_string(): materialization.metadata.get("dagster/partition_row_count")
        for materialization in (
            event.step_materialization_data.materialization for event in run.get_asset_materialization_events()
        )
    }
    return ", ".join(f"{rows.value:,} {ROW_NAMES[name]}" for name, rows in counts.items() if name in ROW_NAMES and rows)


def print_line(console: TextIO, text: str) -> None:
    """Write one line to `console` and flush it."""
    console.write(f"{text}\n")
    console.flush()


def print_finished_stage(console: TextIO, what: str, start: float, made: str) -> None:
    """Print what has finished, the seconds since `start` (a `time.perf_counter` value), and its result."""
    print_line(console, f"  {what:10}  {time.perf_counter() - start:5.1f} s  {made}".rstrip())
