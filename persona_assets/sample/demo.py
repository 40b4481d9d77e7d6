"""`python -m persona_assets.sample.demo`: run the graph on a synthetic capture, and score the clusters it finds."""

import argparse
import datetime as dt
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
from upath import UPath

from persona_assets.command_line.run_stages import Stage, StageFailedError, print_finished_stage, print_line, run_stages
from persona_assets.errors import PersonaAssetsError
from persona_assets.sample.demo_report import ReportStats, format_cluster_table, format_verdict, is_good_match
from persona_assets.sample.score import score_clusters
from persona_assets.sample.write import write_capture
from persona_assets.settings import Settings, read_settings

DEFAULT_DAYS = 3  # days of the capture if PERSONA_END_DATE is not set


class DemoError(Exception):
    """The demo cannot continue, for example because the sample capture cannot be written.

    The message says why and what to do.
    """


class PlantedUser(msgspec.Struct):
    """A line of `capture.truth.jsonl`: a user and its persona in the simulation, None without one."""

    user_id: str
    persona: str | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate a sample capture, run the graph on it and print how well personas are found; return the exit status.

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
    except (DemoError, StageFailedError, PersonaAssetsError) as error:
        parser.exit(1, f"\nThe demo failed: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "\nThe demo was interrupted. Run it again to start over.\n")


def _run(settings: Settings, *, users: int, personas: int, seed: int) -> int:
    """Generate the capture, run the graph, print results and score, and return the exit status."""
    start = time.perf_counter()
    days = _list_days(settings)
    last_day = f"{days[-1]:%Y-%m-%d}"
    capture = Path(settings.capture)
    print_line(sys.stdout, f"Making a capture of {len(days)} days with {personas} planted personas: {capture}")
    lines = _make_capture(settings, days, users=users, personas=personas, seed=seed)
    print_finished_stage(sys.stdout, "", start, f"{lines:,} lines, {users:,} users")
    log_file = capture.parent / "demo.log"
    run_stages(_list_stages([f"{day:%Y-%m-%d}" for day in days]), log_file)
    data = UPath(settings.data).absolute()
    stats = msgspec.json.decode((data / "cluster_stats" / last_day / "stats.json").read_bytes(), type=ReportStats)
    score = score_clusters(_read_clusters(data / "clusters" / f"{last_day}.parquet"), _read_truth(capture))
    print_line(
        sys.stdout,
        f"\nFound on {last_day}:\n\n{format_cluster_table(stats, score)}\n\n{format_verdict(score, personas)}\n",
    )
    print_line(sys.stdout, f"Done in {time.perf_counter() - start:.1f} s. Dagster's log: {log_file}")
    print_line(sys.stdout, f"Report: {(data / 'cluster_stats' / last_day / 'report.html').as_uri()}")
    print_line(sys.stdout, f'Data set: {data / "dataset" / last_day}, for datasets.load_dataset(folder, "persona_0")')
    print_line(
        sys.stdout, "Next:   run `make dev` and open http://localhost:3000, which shows these results in Dagster"
    )
    return 0 if is_good_match(score) else 1


def _list_days(settings: Settings) -> list[dt.date]:
    end = settings.end_date or settings.start_date + dt.timedelta(DEFAULT_DAYS - 1)
    return [settings.start_date + dt.timedelta(number) for number in range((end - settings.start_date).days + 1)]


def _list_stages(days: Sequence[str]) -> list[Stage]:
    return [
        Stage("prepare_days", "Preparing each day: parse events, keep English posts, embed them", days),
        Stage("make_personas", "Making the personas of each day: cluster users, write their files and a report", days),
        Stage("trace_personas", "Tracing personas from day to day", [None]),
    ]


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


def _read_clusters(file: UPath) -> dict[str, int]:
    with file.open("rb") as stream:
        table = pq.read_table(stream, columns=["user_id", "cluster_id"])
    return dict(zip(table["user_id"].to_pylist(), table["cluster_id"].to_pylist(), strict=True))


def _read_truth(capture: Path) -> dict[str, str | None]:
    lines = capture.with_name(f"{capture.name}.truth.jsonl").read_bytes().splitlines()
    users = [msgspec.json.decode(line, type=PlantedUser) for line in lines]
    return {user.user_id: user.persona for user in users}


if __name__ == "__main__":
    sys.exit(main())
