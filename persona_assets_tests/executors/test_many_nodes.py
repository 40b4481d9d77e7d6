"""A month of days as Slurm jobs on three nodes, with Dagster's events in PostgreSQL, while both have trouble."""

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import pytest

from benchmarks.bench_backfill import JOB, MODULE, build
from persona_assets.sample.write import write_capture
from persona_assets_tests.postgres_server import find_postgres_obstacle, running_postgres
from persona_assets_tests.slurm_lab import NODES, find_obstacle, running_slurm

ROOT = Path(__file__).parents[2]
DAYS = [dt.date(2025, 3, 1) + dt.timedelta(days=number) for number in range(31)]
SECONDS_UNTIL_LOST = 20
# Longer than Dagster itself tries to connect, which is about 12 s.
OUTAGE_SECONDS = 20.0
LONGEST_SECONDS = 2400.0

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
        command = [Path(sys.executable).parent / "dagster-daemon", "run", "-m", MODULE]
        daemon = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)
        try:
            yield
        finally:
            daemon.terminate()
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(120)
            # Its code servers, too, which may outlive it.
            with suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()


class Backfill:
    """The runs of a backfill of all days, which `dagster job backfill` puts into the queue."""

    def __init__(self, home, instance):
        self._home, self._instance = home, instance
        command = [sys.executable, "-m", "dagster", "job", "backfill", "-m", MODULE, "-j", JOB, "--noprompt"]
        command += ["--from", str(DAYS[0]), "--to", str(DAYS[-1])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]

    def count(self):
        return Counter(run.status.value for run in self._instance.get_runs())

    def wait_until(self, look):
        end = time.monotonic() + LONGEST_SECONDS
        while not (seen := look()):
            assert time.monotonic() < end, f"{self.count()}; daemon:\n{self.read_daemon_log()[-4000:]}"
            time.sleep(0.5)
        return seen

    def wait_for_end(self):
        self.wait_until(lambda: not set(self.count()) - {"SUCCESS", "FAILURE"})

    def read_daemon_log(self):
        return (self._home / "daemon.log").read_text(encoding="utf-8")

    def explain_failures(self):
        """Return the errors in the log of each failed run, also those outside its steps."""
        failed = self._instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        logs = {run.run_id: self._instance.all_logs(run.run_id) for run in failed}
        return {
            run: [
                (event.event_type_value, event.message, error and error.to_string()[:2000])
                for event in (entry.dagster_event for entry in log if entry.dagster_event)
                if (error := getattr(event.event_specific_data, "error", None)) or event.is_failure
            ]
            for run, log in logs.items()
        }

    def find_errors(self, kind):
        """Return the errors of all events of a kind."""
        logs = [self._instance.all_logs(run.run_id, kind) for run in self._instance.get_runs()]
        return [entry.dagster_event.event_specific_data.error.message for log in logs for entry in log]


def make_in_process():
    """Make all days in this process, one after the other."""
    job = build().resolve_job_def(JOB)
    for day in DAYS:
        assert job.execute_in_process(partition_key=day.isoformat()).success


def read_results(data):
    return {file.relative_to(data): file.read_bytes() for file in data.rglob("*") if file.is_file()}


def test_a_month_on_three_nodes_is_made_though_a_node_is_lost_and_the_database_restarts(home, tmp_path, monkeypatch):
    def export(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    write_capture(tmp_path / "capture", days=len(DAYS), start_date=DAYS[0], users=12, personas=2, seed=7)
    export(PERSONA_CAPTURE=tmp_path / "capture", PERSONA_START_DATE=DAYS[0], PERSONA_END_DATE=DAYS[-1])
    export(PERSONA_DATA=tmp_path / "one", PERSONA_WORKERS=1)
    make_in_process()

    export(PERSONA_DATA=tmp_path / "many", PERSONA_EXECUTOR="slurm", PERSONA_SLURM_PARTITION="cpu,gpu")
    export(PERSONA_SLURM_CPUS=4)  # a node has four, so that it runs one job at a time
    export(PERSONA_SLURM_SETUP=f'echo "$SLURMD_NODENAME" >> {home}/nodes')
    export(DAGSTER_HOME=home, PYTHONPATH=ROOT, PYTHONWARNINGS="ignore")
    with (
        running_postgres(home / "postgres") as database,
        running_slurm(home / "slurm", seconds_until_lost=SECONDS_UNTIL_LOST) as lab,
    ):
        export(DAGSTER_PG_URL=database.url, SLURM_CONF=lab.conf)
        with dg.DagsterInstance.get() as instance, running_daemon(home):
            backfill = Backfill(home, instance)
            assert backfill.count().total() == len(DAYS)

            backfill.wait_until(lambda: backfill.count()["SUCCESS"] >= 2)
            lab.lose_node(backfill.wait_until(lambda: next(filter(lab.has_new_job, NODES), None)))
            backfill.wait_until(lambda: backfill.count()["SUCCESS"] >= len(DAYS) // 3)
            database.stop()
            time.sleep(OUTAGE_SECONDS)
            database.start()
            backfill.wait_for_end()

            assert backfill.count() == {"SUCCESS": len(DAYS)}, backfill.explain_failures()
            assert any("NODE_FAIL" in why for why in backfill.find_errors(dg.DagsterEventType.STEP_UP_FOR_RETRY))
            assert "The database does not answer" in backfill.read_daemon_log()

    assert set((home / "nodes").read_text(encoding="utf-8").split()) == set(NODES)
    assert read_results(tmp_path / "many") == read_results(tmp_path / "one")
