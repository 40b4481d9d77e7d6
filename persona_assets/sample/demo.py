"""`python -m persona_assets.sample.demo`: run the graph over a sample, compare what it finds with the truth."""

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
from persona_assets.sample.demo_report import WIDTH, Stats, is_match, write_table, write_verdict
from persona_assets.sample.score import score_clusters
from persona_assets.sample.write import write_capture
from persona_assets.settings import Settings, read_settings

if TYPE_CHECKING:
    import dagster as dg

DAYS = 3  # of the capture, where PERSONA_END_DATE does not say
LOG_LINES = 20  # shown of the log of a run that failed
# Assets whose rows are counted on the console -> what their rows are.
COUNTED = {"raw_events": "events", "english_posts": "English posts", "english_users": "users with enough English posts"}
# As the UI labels runs that it starts itself: it lists them below this code location.
LOCATION_TAG = {".dagster/repository": "__repository__@persona_assets"}


class Stage(NamedTuple):
    """A job of the graph, and whether it has a run for each day or one over all days."""

    job: str
    about: str
    is_daily: bool


STAGES = (
    Stage("prepare_days", "Preparing each day: parse events, keep English posts, embed them", is_daily=True),
    Stage(
        "make_personas", "Making the personas of each day: cluster users, write their files and a report", is_daily=True
    ),
    Stage("trace_personas", "Tracing personas from day to day", is_daily=False),
)


class DemoError(Exception):
    """The demo cannot go on; says why and what to do."""


class Truth(msgspec.Struct):
    """A line of `capture.truth.jsonl`, as far as it is compared."""

    user_id: str
    persona: str | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo that `arguments` (default: the command line's) ask for; return the exit status.

    The settings say which days, where the capture and the results are, and how personas are made. The status is 0 if
    the clusters match the planted personas.
    """
    parser = argparse.ArgumentParser(prog="python -m persona_assets.sample.demo", description=__doc__)
    parser.add_argument("--users", type=int, default=600, help="accounts; default %(default)s")
    parser.add_argument("--personas", type=int, default=8, help="planted topics, 1 to 10; default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the capture; default %(default)s")
    asked = parser.parse_args(arguments)
    try:
        return _run(read_settings(), users=asked.users, personas=asked.personas, seed=asked.seed)
    except (DemoError, PersonaAssetsError) as error:
        parser.exit(1, f"\nThe demo failed: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "\nThe demo was interrupted. Run it again to start over.\n")


def _run(settings: Settings, *, users: int, personas: int, seed: int) -> int:
    """Do all steps, saying each, and return the exit status."""
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
    stats = msgspec.json.decode((data / "cluster_stats" / last_day / "stats.json").read_bytes(), type=Stats)
    score = score_clusters(_read_clusters(data / "clusters" / f"{last_day}.parquet"), _read_truth(capture))
    _say(sys.stdout, f"\nFound on {last_day}:\n\n{write_table(stats, score)}\n\n{write_verdict(score, personas)}\n")
    _say(sys.stdout, f"Done in {time.perf_counter() - start:.1f} s. Dagster's log: {log_file}")
    _say(sys.stdout, f"Report: {(data / 'cluster_stats' / last_day / 'report.html').as_uri()}")
    _say(sys.stdout, "Next:   run `make dev` and open http://localhost:3000, which shows these results in Dagster")
    return 0 if is_match(score) else 1


def _list_days(settings: Settings) -> list[dt.date]:
    end = settings.end_date or settings.start_date + dt.timedelta(DAYS - 1)
    return [settings.start_date + dt.timedelta(number) for number in range((end - settings.start_date).days + 1)]


def _make_capture(settings: Settings, days: Sequence[dt.date], *, users: int, personas: int, seed: int) -> int:
    """Make the capture where the settings look for one; return its number of lines."""
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
    """Run all jobs in this process, on the instance that the UI shows; what they print goes to the log.

    One process, because each further one would import Dagster, torch and gensim anew.
    """
    # Before torch is loaded: its threads sleep while they wait for each other. By default they spin, which on two cores
    # with other work cost 15 s of CPU a day of the sample, and 4 s in this way.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with log_file.open("wb") as log, _showing_log_of_failure(log_file), _console_to(log) as console:
        import dagster as dg  # noqa: PLC0415 - 1.3 s, after the first lines have been said

        from persona_assets.definitions import defs  # noqa: PLC0415 - the same

        stop = threading.Event()  # Dagster forgets a signal that comes after the last step of a run
        with dg.DagsterInstance.get() as instance, ending_on_signal(stop.set, fails_with=()):
            for stage in STAGES:
                _say(console, f"\n{stage.about} (job {stage.job})")
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
                        raise _explain(run, f"job {stage.job}{f' of {day}' if day else ''}")
                    _say_done(console, day or "all days", start, _describe(run))


@contextmanager
def _console_to(log: BinaryIO) -> Generator[TextIO]:
    """Have this process and its children print to `log`; yield the console itself."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    try:
        for number in (1, 2):
            os.dup2(log.fileno(), number)
        with os.fdopen(os.dup(kept[0]), "w", encoding="utf-8") as console:
            yield console
    except DemoError:
        raise
    except Exception:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)


@contextmanager
def _showing_log_of_failure(log_file: Path) -> Generator[None]:
    """Turn any error into a `DemoError` that shows the end of the log and says where it is."""
    try:
        yield
    except Exception as error:
        lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        what = error if isinstance(error, DemoError) else type(error).__name__
        raise DemoError(f"{what}. The end of the log, {log_file}:\n\n" + "\n".join(lines)) from error


def _find_warnings(instance: "dg.DagsterInstance", run_id: str) -> Iterator[str]:
    """Yield what steps of the run warned of, failed checks included."""
    for entry in instance.all_logs(run_id):
        if not entry.is_dagster_event and entry.level in {logging.WARNING, logging.ERROR, logging.CRITICAL}:
            yield textwrap.fill(
                f"Warning of {entry.step_key}: {entry.user_message}",
                WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
            )


def _explain(run: "dg.ExecuteInProcessResult", what: str) -> BaseException:
    """Return what to raise for a run that did not succeed: Dagster calls one that was interrupted failed, too."""
    errors = [event.step_failure_data.error for event in run.all_events if event.is_step_failure]
    if any(error is not None and error.cls_name == "DagsterExecutionInterruptedError" for error in errors):
        return KeyboardInterrupt()
    return DemoError(f"{what} failed")


def _describe(run: "dg.ExecuteInProcessResult") -> str:
    """Return how many rows the run made of the assets in `COUNTED`."""
    counts = {
        made.asset_key.to_user_string(): made.metadata.get("dagster/partition_row_count")
        for made in (
            event.step_materialization_data.materialization for event in run.get_asset_materialization_events()
        )
    }
    return ", ".join(f"{rows.value:,} {COUNTED[name]}" for name, rows in counts.items() if name in COUNTED and rows)


def _read_clusters(file: UPath) -> dict[str, int]:
    with file.open("rb") as stream:
        table = pq.read_table(stream, columns=["user_id", "cluster_id"])
    return dict(zip(table["user_id"].to_pylist(), table["cluster_id"].to_pylist(), strict=True))


def _read_truth(capture: Path) -> dict[str, str | None]:
    lines = capture.with_name(f"{capture.name}.truth.jsonl").read_bytes().splitlines()
    users = [msgspec.json.decode(line, type=Truth) for line in lines]
    return {user.user_id: user.persona for user in users}


def _say(console: TextIO, text: str) -> None:
    console.write(f"{text}\n")
    console.flush()


def _say_done(console: TextIO, what: str, start: float, made: str) -> None:
    _say(console, f"  {what:10}  {time.perf_counter() - start:5.1f} s  {made}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
