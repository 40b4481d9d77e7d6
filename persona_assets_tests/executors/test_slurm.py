"""Runs through a real Slurm on this machine: where steps run, and how each kind of failure ends."""

import datetime as dt
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._grpc.types import ResumeRunArgs
from dagster._serdes import serialize_value

from persona_assets.definitions import build_definitions
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings
from persona_assets_tests.slurm_lab import find_obstacle, running_slurm
from persona_assets_tests.whole_graph import CONSENT_ASSETS, DAY_ASSETS, LINEAGE_ASSETS, PERSONA_ASSETS

ROOT = Path(__file__).parents[2]
GRAPH = Path(__file__).parent / "slurm_graph"
OF_THE_LAST_DAY = (*PERSONA_ASSETS, *LINEAGE_ASSETS)
SAID = ("raw_events", "rejected_lines", "consent_records", *CONSENT_ASSETS)

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def home():
    """A DAGSTER_HOME that all users can enter, because munge requires that of its folders."""
    # The path must be short: the path of a Unix socket has at most 108 characters.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        yield home


@pytest.fixture(scope="module")
def slurm(home):
    """A running Slurm, and the environment variables with which runs use it."""
    if obstacle := find_obstacle():
        pytest.skip(obstacle)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    with running_slurm(home / "slurm") as lab, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(lab.conf))
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("WHERE_STEPS_RAN", str(home))
        patch.setenv("PYTHONPATH", str(GRAPH))
        patch.setenv("PYTHONWARNINGS", "ignore")
        yield lab


@pytest.fixture
def instance(slurm):
    del slurm
    with dg.DagsterInstance.get() as instance:
        yield instance


class Run:
    """A run in a child process, started by the command line."""

    def __init__(self, instance, *assets, config=None):
        self.instance = instance
        before = {run.run_id for run in instance.get_runs()}
        command = [
            sys.executable,
            "-m",
            "dagster",
            "asset",
            "materialize",
            "-m",
            "trouble",
            "--select",
            ",".join(assets),
            *(("--config-json", json.dumps(config)) if config else ()),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.id = self._wait_for(lambda: [run.run_id for run in instance.get_runs() if run.run_id not in before])[0]

    def _wait_for(self, look, timeout=600):
        end = time.time() + timeout
        while time.time() < end:
            if seen := look():
                return seen
            time.sleep(0.25)
        raise AssertionError(f"not seen in {timeout} s; events:\n{self.text()}")

    def jobs(self):
        """Return step, partition, state and gres of the run's jobs that squeue lists."""
        listing = subprocess.run(
            ["squeue", "-h", "--states=all", "-o", "%i|%j|%P|%T|%b"], capture_output=True, text=True, check=True
        )
        return [line.split("|") for line in listing.stdout.splitlines() if self.id[:8] in line]

    def until(self, text):
        self._wait_for(lambda: text in self.text())

    def until_running(self):
        self.until("STEP_START")
        return self._wait_for(lambda: [job for job in self.jobs() if job[3] == "RUNNING"])

    def wait(self, timeout=600):
        self.process.wait(timeout)
        return self.instance.get_run_by_id(self.id).status.value

    def text(self):
        said = []
        for entry in self.instance.all_logs(self.id):
            if event := entry.dagster_event:
                error = getattr(event.event_specific_data, "error", None)
                said.append(
                    f"{event.event_type_value} {event.step_key} {event.message} {error.message if error else ''}"
                )
        return "\n".join(said)


def test_each_step_is_a_job_in_its_partition(home, instance):
    run = Run(instance, "raw", "embeddings", "report")

    assert run.wait() == "SUCCESS"
    where = [line.split("\t") for line in (home / "where.tsv").read_text(encoding="utf-8").splitlines()]
    partition = {name: partition for name, partition, _, _ in where}
    gpus = {name: gpus for name, _, gpus, _ in where}
    assert partition == {"raw": "cpu", "embeddings": "gpu", "report": "cpu"}
    assert gpus["embeddings"] in {"0", "1"}
    assert gpus["raw"] == gpus["report"] == ""
    assert len({job for _, _, _, job in where}) == 3


def test_a_cancelled_job_fails_its_step_with_slurms_message(instance):
    run = Run(instance, "sleeper")
    ((job, *_),) = run.until_running()

    subprocess.run(["scancel", job], check=True)

    assert run.wait() == "FAILURE"
    assert "CANCELLED AT" in run.text()


def test_job_logs_are_private(home, instance):
    run = Run(instance, "raw")

    assert run.wait() == "SUCCESS"
    (folder,) = (home / "storage" / "slurm").glob(run.id)
    assert folder.stat().st_mode & 0o777 == 0o700
    files = {file.suffix: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    assert files == {".log": 0o600, ".exit": 0o600}


@pytest.mark.parametrize("place", ["default", "raw"])
@pytest.mark.parametrize("option", ["setup", "extra"])
def test_shell_code_in_a_run_config_is_refused_before_a_job_is_submitted(instance, option, place):
    given = {option: "--wrap=false"}
    config = {"default": given} if place == "default" else {"per_step": {place: given}}
    run = Run(instance, "raw", config={"execution": {"config": config}})

    assert run.wait() == "FAILURE"
    assert "PERSONA_SLURM_SHELL_FROM_LAUNCHPAD" in run.text()
    assert run.jobs() == []


def test_a_retry_policy_survives_a_lost_node(instance):
    run = Run(instance, "retried")
    ((job, *_),) = run.until_running()
    node = subprocess.run(["squeue", "-h", "-j", job, "-o", "%N"], capture_output=True, text=True, check=True).stdout

    subprocess.run(["scontrol", "update", f"nodename={node.strip()}", "state=down", "reason=test"], check=True)
    run.until("STEP_UP_FOR_RETRY")
    subprocess.run(["scontrol", "update", f"nodename={node.strip()}", "state=resume"], check=False)

    assert run.wait() == "SUCCESS"
    assert re.search("NODE.FAIL", run.text())
    assert "STEP_UP_FOR_RETRY" in run.text()


def test_a_terminated_run_cancels_its_jobs(instance):
    run = Run(instance, "sleeper")
    run.until_running()

    run.process.send_signal(signal.SIGINT)
    run.wait()

    assert "Cancelled Slurm job" in run.text()
    run._wait_for(lambda: run.jobs()[0][3] in {"CANCELLED", "COMPLETING"})


def test_out_of_memory_is_reported_with_a_hint(instance):
    run = Run(instance, "hungry")

    assert run.wait() == "FAILURE"
    assert "exceeded memory limit" in run.text() or "memory limit" in run.text()
    assert "Hint: raise the memory" in run.text()


def test_crashes_and_refused_jobs_fail_only_their_steps(instance):
    run = Run(
        instance, "crashes", "on_no_partition", "wants_too_many", "has_unknown_option", "leaves_in_silence", "raw",
        "odd_name__with_many_underscores_" + "x" * 60,
    )  # fmt: skip

    assert run.wait() == "FAILURE"
    said = run.text()
    assert "ExitCode=139:0" in said
    assert "nvalid partition" in said
    assert "Hint: name a partition" in said
    assert "Hint: no node has what is asked for" in said
    assert "unknown option memory" in said
    assert "ended as COMPLETED" in said
    assert "STEP_SUCCESS raw" in said
    assert "STEP_SUCCESS odd_name" in said


def test_an_unreachable_controller_is_retried(slurm, instance):
    slurm.stop_controller()
    run = Run(instance, "raw")
    run.until("Slurm does not answer")

    slurm.start_controller()

    assert run.wait() == "SUCCESS"
    assert len(run.jobs()) == 1


def test_a_resumed_run_adopts_its_jobs(instance):
    run = Run(instance, "first_half", "second_half")
    run.until_running()
    run.process.kill()
    run.process.wait()
    stored = instance.get_run_by_id(run.id)
    assert stored.status.value == "STARTED"

    args = ResumeRunArgs(
        job_origin=stored.job_code_origin,
        run_id=run.id,
        instance_ref=instance.get_ref(),
        set_exit_code_on_failure=True,
    )
    command = [sys.executable, "-m", "dagster", "api", "resume_run", serialize_value(args)]
    run.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    assert run.wait() == "SUCCESS"
    assert len(run.jobs()) == 2


def test_a_time_limit_is_reported_with_a_hint(instance):
    run = Run(instance, "too_long")

    assert run.wait() == "FAILURE"
    assert "DUE TO TIME LIMIT" in run.text()
    assert "Hint: raise the time limit" in run.text()


@pytest.mark.model
def test_slurm_and_one_process_give_the_same_bytes(home, slurm, tmp_path, monkeypatch):
    del slurm
    capture = tmp_path / "capture"
    write_capture(capture, days=4, start_date=dt.date(2025, 3, 1), users=80, personas=2, seed=7)
    monkeypatch.setenv("PERSONA_CAPTURE", str(capture))
    monkeypatch.setenv("PERSONA_N_CLUSTERS", "2")
    days = [f"2025-03-0{n}" for n in (1, 2, 3, 4)]

    monkeypatch.setenv("PERSONA_DATA", str(tmp_path / "one"))
    # Parallel days cache other vectors than sequential days, which reuse the vectors of earlier ones.
    monkeypatch.setenv("PERSONA_VECTOR_STORE", "off")
    job = build_definitions(read_settings()).resolve_implicit_global_asset_job_def()
    # What accounts say on any day decides who is left out of all days: it is read first, for days in parallel would
    # know of later days what days in their order do not know yet.
    for day in days:
        job.execute_in_process(partition_key=day, asset_selection=[dg.AssetKey(key) for key in SAID])
    for day in days:
        keys = [*DAY_ASSETS, *CONSENT_ASSETS, *(OF_THE_LAST_DAY if day == days[-1] else ())]
        job.execute_in_process(partition_key=day, asset_selection=[dg.AssetKey(key) for key in keys])

    seen = home / "steps.txt"
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path / "many"))
    monkeypatch.setenv("PERSONA_EXECUTOR", "slurm")
    monkeypatch.setenv("PERSONA_SLURM_MEM", "1900M")
    monkeypatch.setenv(
        "PERSONA_SLURM_SETUP", f'echo "$SLURM_JOB_NAME $SLURM_JOB_PARTITION [$CUDA_VISIBLE_DEVICES]" >> {seen}'
    )
    (home / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8"))
    backfill = ["job", "backfill", "-w", "workspace.yaml", "-j", "prepare_days", "--noprompt"]
    materialize = ["asset", "materialize", "-m", "persona_assets.definitions", "--select"]
    for command in (
        [*materialize, ",".join(SAID), "--partition-range", f"{days[0]}...{days[-1]}"],
        [*backfill, "--from", days[0], "--to", days[-1]],
        [*materialize, ",".join(OF_THE_LAST_DAY), "--partition", days[-1]],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "dagster", *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]

    files = {
        folder: sorted(file for file in (tmp_path / folder).rglob("*") if file.is_file()) for folder in ("one", "many")
    }
    names = {folder: [file.relative_to(tmp_path / folder) for file in found] for folder, found in files.items()}
    assert names["one"] == names["many"]
    assert [str(a) for a, b in zip(*files.values(), strict=True) if a.read_bytes() != b.read_bytes()] == []
    where = [line.split() for line in seen.read_text(encoding="utf-8").splitlines()]
    # raw_events and rejected_lines are one step; consents is made once for the range of days.
    steps_of_a_day = len(SAID) - 2 + len(DAY_ASSETS) - 1 + len(CONSENT_ASSETS)
    assert len(where) == len(days) * steps_of_a_day + 1 + len(OF_THE_LAST_DAY)
    assert {(partition, gpu in {"[0]", "[1]"}) for name, partition, gpu in where if "-embeddings-" in name} == {
        ("gpu", True)
    }
    assert {(partition, gpu) for name, partition, gpu in where if "-embeddings-" not in name} == {("cpu", "[]")}
