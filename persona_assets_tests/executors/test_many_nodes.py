"""A month of days as Slurm jobs on three nodes, with Dagster's events in PostgreSQL, through what goes wrong in a month."""

import datetime as dt
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from persona_assets.sample.write import write_capture
from persona_assets_tests.postgres_server import find_postgres_obstacle, running_postgres
from persona_assets_tests.slurm_lab import NODES, find_obstacle, running_slurm

ROOT = Path(__file__).parents[2]
GRAPH = Path(__file__).parent / "slurm_graph"
DAYS = [dt.date(2025, 3, 1) + dt.timedelta(days=number) for number in range(int(os.environ.get("TRY_DAYS", "31")))]
# Longer than Dagster itself tries to connect, which is about 12 s.
OUTAGE_SECONDS = 20.0
LONGEST_SECONDS = 1800.0

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
]


@pytest.fixture
def home():
    """A DAGSTER_HOME that the daemons of Slurm and PostgreSQL can enter, with a short path."""
    if obstacle := find_obstacle() or find_postgres_obstacle():
        pytest.skip(obstacle)
    with tempfile.TemporaryDirectory(prefix="month-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        shutil.copy(ROOT / "deploy" / "slurm" / "dagster.yaml", home)
        yield home


@contextmanager
def running_daemon(home):
    """Run dagster-daemon, which starts the queued runs."""
    with (home / "daemon.log").open("wb") as log:
        command = [Path(sys.executable).parent / "dagster-daemon", "run", "-m", "month"]
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield daemon
        finally:
            daemon.send_signal(signal.SIGINT)
            try:
                daemon.wait(120)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def wait_until(look, described):
    end = time.monotonic() + LONGEST_SECONDS
    while not look():
        assert time.monotonic() < end, described()
        time.sleep(0.5)


def make_in_process(monkeypatch, data):
    """Make all days in this process, one after the other."""
    monkeypatch.setenv("PERSONA_DATA", str(data))
    spec = importlib.util.spec_from_file_location("month_in_process", GRAPH / "month.py")
    month = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(month)
    job = month.defs.resolve_job_def("parse_days")
    for day in DAYS:
        assert job.execute_in_process(partition_key=day.isoformat()).success


def read_results(data):
    return {file.relative_to(data): file.read_bytes() for file in data.rglob("*") if file.is_file()}


def test_a_month_on_three_nodes_survives_a_lost_node_and_a_restarted_database(home, tmp_path, monkeypatch):
    write_capture(tmp_path / "capture", days=len(DAYS), start_date=DAYS[0], users=12, personas=2, seed=7)
    for name, value in {
        "PERSONA_CAPTURE": tmp_path / "capture",
        "PERSONA_START_DATE": DAYS[0],
        "PERSONA_END_DATE": DAYS[-1],
        "PERSONA_WORKERS": "1",
        "PYTHONPATH": f"{GRAPH}:{ROOT}",
        "PYTHONWARNINGS": "ignore",
    }.items():
        monkeypatch.setenv(name, str(value))
    make_in_process(monkeypatch, tmp_path / "one")

    with (
        running_postgres(home / "postgres") as database,
        running_slurm(home / "slurm", seconds_until_lost=20) as lab,
    ):
        for name, value in {
            "DAGSTER_HOME": home,
            "DAGSTER_PG_URL": database.url.replace("postgresql:", "postgresql+psycopg2:"),
            "SLURM_CONF": lab.conf,
            "PERSONA_DATA": tmp_path / "many",
            "PERSONA_EXECUTOR": "slurm",
            "PERSONA_SLURM_PARTITION": "cpu,gpu",
            "PERSONA_SLURM_CPUS": "4",  # a node has four: one job at a time
            "PERSONA_SLURM_SETUP": f'echo "$SLURMD_NODENAME" >> {home}/nodes',
        }.items():
            monkeypatch.setenv(name, str(value))
        with dg.DagsterInstance.get() as instance, running_daemon(home):

            def count():
                return Counter(run.status.value for run in instance.get_runs())

            def succeeded(number):
                return lambda: count()["SUCCESS"] >= number

            def described():
                return f"{count()}; daemon:\n{(home / 'daemon.log').read_text(encoding='utf-8')[-4000:]}"

            backfill = ["job", "backfill", "-m", "month", "-j", "parse_days", "--noprompt"]
            backfill += ["--from", str(DAYS[0]), "--to", str(DAYS[-1])]
            done = subprocess.run(
                [sys.executable, "-m", "dagster", *backfill], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout[-2000:]
            assert sum(count().values()) == len(DAYS)

            wait_until(lambda: lab.is_busy("cpu2") and succeeded(2)(), described)
            lab.lose_node("cpu2")
            print(count(), time.ctime())
            wait_until(succeeded(len(DAYS) // 3), described)
            print(count(), time.ctime())
            database.stop()
            time.sleep(OUTAGE_SECONDS)
            database.start()
            print(count(), time.ctime())
            wait_until(lambda: not set(count()) - {"SUCCESS", "FAILURE"}, described)
            print(count(), time.ctime())
            Path("/tmp/month-daemon.log").write_bytes((home / "daemon.log").read_bytes())
            for run in instance.get_runs():
                for entry in instance.all_logs(run.run_id):
                    if entry.dagster_event and getattr(entry.dagster_event.event_specific_data, "error", None):
                        print(
                            run.tags["dagster/partition"],
                            entry.dagster_event.event_type_value,
                            entry.dagster_event.message,
                            str(entry.dagster_event.event_specific_data.error.message)[:500],
                        )
            assert count() == {"SUCCESS": len(DAYS)}, described()
            print(os.environ["DAGSTER_HOME"])

    assert set((home / "nodes").read_text(encoding="utf-8").split()) == set(NODES)
    assert read_results(tmp_path / "many") == read_results(tmp_path / "one")
