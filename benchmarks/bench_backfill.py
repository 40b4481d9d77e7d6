"""How many runs of a backfill Dagster's storage in SQLite bears at the same time, each with a process per step.

    python benchmarks/bench_backfill.py --days 31 --concurrent 4 8 16

A month of small days is backfilled by `dagster job backfill` and `dagster-daemon`: `raw_events` alone, by the
multiprocess executor. Each row says how many runs succeeded, failed, or neither (they stayed in the queue or
*Started*), and how often a log of the daemon, of its runs or of their steps says that a database is locked.
"""

import argparse
import datetime as dt
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import dagster as dg

from persona_assets.definitions import STEPS, build_definitions
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings

ROOT = Path(__file__).parents[1]
MODULE = "benchmarks.bench_backfill"
JOB = "parse_days"
FIRST = dt.date(2025, 3, 1)
# A backfill in which nothing changes for so long has come to a halt.
STILL_SECONDS = 600.0
# Threads start the runs together: one after the other, the first ones may have ended before the last one starts.
DAGSTER_YAML = """\
telemetry: {{enabled: false}}
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config: {{max_concurrent_runs: {concurrent}, dequeue_use_threads: true, dequeue_num_workers: {concurrent}}}
"""


def build() -> dg.Definitions:
    """Return the definitions of `raw_events` alone, with the job that makes it."""
    made = build_definitions(read_settings(), steps={name: STEPS[name] for name in ("captured_events", "raw_events")})
    job = dg.define_asset_job(JOB, selection=dg.AssetSelection.assets("raw_events", "rejected_lines"))
    return dg.Definitions(assets=made.assets, jobs=[job], resources=made.resources, executor=made.executor)


defs = build()


def backfill(folder: Path, days: int, concurrent: int) -> tuple[Counter[str], int, float]:
    """Return the number of runs by status, the most that ran at a time, and seconds from the first start to the end."""
    (folder / "dagster.yaml").write_text(DAGSTER_YAML.format(concurrent=concurrent), encoding="utf-8")
    environment = {**os.environ, "DAGSTER_HOME": str(folder), "PERSONA_DATA": str(folder / "data")}
    last = FIRST + dt.timedelta(days=days - 1)
    command = [sys.executable, "-m", "dagster", "job", "backfill", "-m", MODULE, "-j", JOB, "--noprompt"]
    command += ["--from", str(FIRST), "--to", str(last)]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True)
    with (folder / "daemon.log").open("wb") as log, dg.DagsterInstance.from_config(str(folder)) as instance:
        daemon = subprocess.Popen(
            [Path(sys.executable).parent / "dagster-daemon", "run", "-m", MODULE],
            env=environment,
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        try:
            return wait_for_runs(instance)
        finally:
            daemon.terminate()
            daemon.wait()


def wait_for_runs(instance: dg.DagsterInstance) -> tuple[Counter[str], int, float]:
    """Return what `backfill` returns, when all runs have ended or nothing has changed for `STILL_SECONDS`."""
    begun = changed = time.monotonic()
    before, most = Counter(), 0
    while True:
        now = Counter(run.status.value for run in instance.get_runs())
        most = max(most, now["STARTED"] + now["STARTING"])
        if now != before:
            changed = time.monotonic()
        before = now
        if not set(now) - {"SUCCESS", "FAILURE"} or time.monotonic() - changed > STILL_SECONDS:
            return now, most, changed - begun
        time.sleep(2)


def count_locked(folder: Path) -> int:
    """Return how many lines of logs and of stored events say that a database is locked."""
    said = (folder / "daemon.log").read_text(encoding="utf-8", errors="replace").count("database is locked")
    logs = [file for file in folder.rglob("*.err") if file.is_file()]
    said += sum(file.read_text(encoding="utf-8", errors="replace").count("database is locked") for file in logs)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        events = [entry for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]
    return said + sum("database is locked" in str(entry) for entry in events)


def find_causes(folder: Path) -> Counter[str]:
    """Return how many events have an error, by the first line of its message and of what caused it."""
    causes: Counter[str] = Counter()
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        for run in instance.get_runs():
            for entry in instance.all_logs(run.run_id):
                details = entry.dagster_event.event_specific_data if entry.dagster_event else None
                error = getattr(details, "error", None)
                while error is not None:
                    causes[error.message.strip().partition("\n")[0][:200]] += 1
                    error = error.cause
    return causes


def main() -> None:
    """Print a row for each number of concurrent runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--concurrent", type=int, nargs="+", default=[4])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        write_capture(Path(place) / "capture", days=given.days, start_date=FIRST, users=12, personas=2, seed=7)
        os.environ |= {
            "PERSONA_CAPTURE": str(Path(place) / "capture"),
            "PERSONA_EXECUTOR": "multiprocess",
            "PERSONA_WORKERS": "1",
            "PERSONA_START_DATE": str(FIRST),
            "PERSONA_END_DATE": str(FIRST + dt.timedelta(days=given.days - 1)),
            "PYTHONPATH": str(ROOT),
        }
        print("| runs at a time | most seen | succeeded | failed | others | `database is locked` | s |")
        print("|---|---|---|---|---|---|---|", flush=True)
        for concurrent in given.concurrent:
            folder = Path(place) / f"home{concurrent}"
            folder.mkdir()
            runs, most, seconds = backfill(folder, given.days, concurrent)
            others = runs.total() - runs["SUCCESS"] - runs["FAILURE"]
            row = (concurrent, most, runs["SUCCESS"], runs["FAILURE"], others, count_locked(folder), round(seconds))
            print("|", " | ".join(map(str, row)), "|", flush=True)
            for cause, number in find_causes(folder).most_common(10):
                print(f"{number} x {cause}", file=sys.stderr, flush=True)
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
