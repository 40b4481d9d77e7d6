"""`python -m persona_assets.sample.demo`: run the graph on a synthetic capture, and score the clusters it finds."""

import argparse
import datetime as dt
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

import msgspec
import pyarrow.parquet as pq
from upath import UPath

from persona_assets.common.interrupts import ending_on_signal
from persona_assets.errors import PersonaAssetsError
from persona_assets.sample.demo_report import WIDTH, ReportStats, format_cluster_table, format_verdict, is_match
from persona_assets.sample.score import score_clusters
from persona_assets.sample.write import write_capture
from persona_assets.settings import Settings, read_settings

if TYPE_CHECKING:
    import dagster as dg

DEFAULT_DAYS = 3  # days of the capture if PERSONA_END_DATE is not set
LOG_LINES = 20  # lines shown from the log of a failed run
# Names of the rows of the assets whose row counts are printed.
ROW_NAMES = {
    "raw_events": "events",
    "english_posts": "English posts",
    "english_users": "users with enough English posts",
}
# The tag that the UI gives its own runs, so that it lists the demo's runs under this code location too.
LOCATION_TAG = {".dagster/repository": "__repository__@persona_assets"}


class DemoStage(NamedTuple):
    """A job that the demo runs, what is printed about it, and whether it has one run per day or one for all days."""

    job: str
    description: str
    is_daily: bool


STAGES = (
    DemoStage("prepare_days", "Preparing each day: parse events, keep English posts, embed them", is_daily=True),
    DemoStage(
        "make_personas", "Making the personas of each day: cluster users, write their files and a report", is_daily=True
    ),
    DemoStage("trace_personas", "Tracing personas from day to day", is_daily=False),
)


class DemoError(Exception):
    """The demo cannot continue. The message says why and what to do."""


class PlantedUser(msgspec.Struct):
    """A line of `capture.truth.jsonl`: the planted persona of a user. Other fields are ignored."""

    user_id: str
    persona: str | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo with the options in `arguments` (default: `sys.argv`), and return the exit status.

    The settings determine the days, the places of capture and results, and how personas are made. The status is 0 if
    the clusters match the planted personas.
    """
    parser = argparse.ArgumentParser(prog="python -m persona_assets.sample.demo", description=__doc__)
    parser.add_argument("--users", type=int, default=600, help="accounts; default %(default)s")
    parser.add_argument("--personas", type=int, default=8, help="planted topics, 1 to 10; default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the capture; default %(default)s")
    options = parser.parse_args(arguments)
    try:
        return _run(read_settings(), users=options.users, personas=options.personas, seed=options.seed)
    except (DemoError, PersonaAssetsError) as error:
        parser.exit(1, f"\nThe demo failed: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "\nThe demo was interrupted. Run it again to start over.\n")


def _run(settings: Settings, *, users: int, personas: int, seed: int) -> int:
    """Generate the capture, run the graph, print results and score, and return the exit status."""
    start = time.perf_counter()
    days = _list_days(settings)
    last_day = f"{days[-1]:%Y-%m-%d}"
    capture = Path(settings.capture)
    _say(sys.stdout, f"Making a capture of {len(days)} days with {personas} planted personas: {capture}")
    lines = _make_capture(settings, days, users=users, personas=personas, seed=seed)
    _say_done(sys.stdout, "", start, f"{lines:,} lines, {users:,} users")
    log_file = capture.parent / "demo.log"
    _run_graph(days, log_file)
    data = UPath(settings.data).absolute()
    stats = msgspec.json.decode((data / "cluster_stats" / last_day / "stats.json").read_bytes(), type=ReportStats)
    score = score_clusters(_read_clusters(data / "clusters" / f"{last_day}.parquet"), _read_truth(capture))
    _say(
        sys.stdout,
        f"\nFound on {last_day}:\n\n{format_cluster_table(stats, score)}\n\n{format_verdict(score, personas)}\n",
    )
    _say(sys.stdout, f"Done in {time.perf_counter() - start:.1f} s. Dagster's log: {log_file}")
    _say(sys.stdout, f"Report: {(data / 'cluster_stats' / last_day / 'report.html').as_uri()}")
    _say(sys.stdout, "Next:   run `make dev` and open http://localhost:3000, which shows these results in Dagster")
    return 0 if is_match(score) else 1


def _list_days(settings: Settings) -> list[dt.date]:
    end = settings.end_date or settings.start_date + dt.timedelta(DEFAULT_DAYS - 1)
    return [settings.start_date + dt.timedelta(number) for number in range((end - settings.start_date).days + 1)]


def _make_capture(settings: Settings, days: Sequence[dt.date], *, users: int, personas: int, seed: int) -> int:
    """Generate the capture at `settings.capture`, and return its number of lines."""
    if "://" in settings.capture:
        raise DemoError(f"PERSONA_CAPTURE={settings.capture} is not a local folder. Unset it for the demo.")
    try:
        manifest = write_capture(
            settings.capture, days=len(days), start_date=days[0], users=users, personas=personas, seed=seed
        )
    except FileExistsError as error:
        raise DemoError(
            f"{settings.capture} holds files that the demo did not make. Delete it, or set PERSONA_CAPTURE to a folder "
            "that does not exist."
        ) from error
    except (ValueError, OSError) as error:
        raise DemoError(f"the capture cannot be made: {error}") from error
    return manifest.lines


def _run_graph(days: Sequence[dt.date], log_file: Path) -> None:
    """Run all jobs in this process, on the Dagster instance that the UI uses. Their output goes to `log_file`.

    More processes would each import Dagster, torch and gensim again.
    """
    # Must be set before torch is imported. Its waiting threads then sleep instead of spin. On two cores with other
    # work, spinning took 15 s of CPU per day of the capture, sleeping 4 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with log_file.open("wb") as log, _showing_log_of_failure(log_file), _console_to(log) as console:
        import dagster as dg  # noqa: PLC0415 - takes 1.3 s, after the first output

        from persona_assets.definitions import defs  # noqa: PLC0415 - the same

        stop = threading.Event()  # Dagster loses a signal that arrives after the last step of a run
        with dg.DagsterInstance.get() as instance, ending_on_signal(stop.set, fails_with=()):
            for stage in STAGES:
                _say(console, f"\n{stage.description} (job {stage.job})")
                for day in [f"{day:%Y-%m-%d}" for day in days] if stage.is_daily else [None]:
                    start = time.perf_counter()
                    run = defs.resolve_job_def(stage.job).execute_in_process(
                        instance=instance, partition_key=day, tags=LOCATION_TAG, raise_on_error=False
                    )
                    for warning in _find_warnings(instance, run.run_id):
                        _say(console, warning)
                    if stop.is_set():
                        raise KeyboardInterrupt
                    if not run.success:
                        raise _find_failure(run, f"job {stage.job}{f' of {day}' if day else ''}")
                    _say_done(console, day or "all days", start, _describe(run))


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
    except DemoError:
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
    """Turn any exception of the block into a `DemoError` with the last lines and the path of the log."""
    try:
        yield
    except Exception as error:
        lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        what = error if isinstance(error, DemoError) else type(error).__name__
        raise DemoError(f"{what}. The end of the log, {log_file}:\n\n" + "\n".join(lines)) from error


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
    """Return the exception to raise for a failed run: `KeyboardInterrupt` if it was interrupted, else `DemoError`."""
    errors = [event.step_failure_data.error for event in run.all_events if event.is_step_failure]
    if any(error is not None and error.cls_name == "DagsterExecutionInterruptedError" for error in errors):
        return KeyboardInterrupt()
    return DemoError(f"{what} failed")


def _describe(run: "dg.ExecuteInProcessResult") -> str:
    """Return the row counts of the assets in `ROW_NAMES` that the run materialized, in words."""
    counts = {
        materialization.asset_key.to_user_string(): materialization.metadata.get("dagster/partition_row_count")
        for materialization in (
            event.step_materialization_data.materialization for event in run.get_asset_materialization_events()
        )
    }
    return ", ".join(f"{rows.value:,} {ROW_NAMES[name]}" for name, rows in counts.items() if name in ROW_NAMES and rows)


def _read_clusters(file: UPath) -> dict[str, int]:
    with file.open("rb") as stream:
        table = pq.read_table(stream, columns=["user_id", "cluster_id"])
    return dict(zip(table["user_id"].to_pylist(), table["cluster_id"].to_pylist(), strict=True))


def _read_truth(capture: Path) -> dict[str, str | None]:
    lines = capture.with_name(f"{capture.name}.truth.jsonl").read_bytes().splitlines()
    users = [msgspec.json.decode(line, type=PlantedUser) for line in lines]
    return {user.user_id: user.persona for user in users}


def _say(console: TextIO, text: str) -> None:
    console.write(f"{text}\n")
    console.flush()


def _say_done(console: TextIO, what: str, start: float, made: str) -> None:
    _say(console, f"  {what:10}  {time.perf_counter() - start:5.1f} s  {made}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
