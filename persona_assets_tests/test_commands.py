"""The first commands that a user of Dagster types, in a copy of the project."""

import datetime as dt
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from persona_assets.sample.write import write_capture
from persona_assets_tests.assets.embeddings.builders import make_model
from persona_assets_tests.ports import find_free_port
from persona_assets_tests.signals import heed_signals
from persona_assets_tests.test_definitions import READS
from persona_assets_tests.whole_graph import ALL_DAYS_ASSETS

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
DAYS = ("2025-03-01", "2025-03-02")
# Each daily asset, and the side tables of `consent_records` and `clusters`.
BY_DAY = sorted((set(READS) - set(ALL_DAYS_ASSETS)) | {"deleted_posts", "cluster_centres", "cluster_certainty"})


class Project:
    """A folder with the files of a checkout, and a shell with its environment activated."""

    def __init__(self, root: Path, settings: dict[str, str]) -> None:
        self.root = root
        for name in ("pyproject.toml", "workspace.yaml", "dagster_home/dagster.yaml", "deploy/activate.sh"):
            (root / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(ROOT / name, root / name)
        (root / ".venv").symlink_to(sys.prefix)
        (root / "persona_assets").symlink_to(ROOT / "persona_assets")
        (root / "tmp").mkdir()
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("PERSONA_", "DAGSTER_"))}
        self.environment = mine | settings | {
            "VIRTUAL_ENV": str(root / ".venv"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(root / "tmp"),
        }  # fmt: skip

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", f". deploy/activate.sh; exec {command}"],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=heed_signals,  # noqa: PLW1509 - no threads here
        )

    def run(self, command: str, *, status: int = 0) -> list[str]:
        """Return the output lines of a command; require the exit status, and no message about leaks."""
        process = self.start(command)
        shown, _ = process.communicate()
        assert process.returncode == status, shown[-3000:]
        require_quiet(command, shown)
        return shown.splitlines()

    def stored(self, day: str) -> list[str]:
        return sorted({path.parent.name for path in (self.root / "data").glob(f"*/{day}*")})


def require_quiet(command: str, shown: str) -> None:
    assert "nanobind" not in shown
    if command.startswith("dg "):
        assert "superseded" not in shown


@pytest.fixture
def project(tmp_path):
    first_day = dt.date.fromisoformat(DAYS[0])
    write_capture(tmp_path / "capture", days=2, start_date=first_day, users=60, personas=2, seed=0)
    model = make_model(tmp_path / "model", pooling={"pooling_mode": "mean"})
    settings = {
        "CAPTURE": tmp_path / "capture", "DATA": tmp_path / "project" / "data", "MODEL": model, "DEVICE": "cpu",
        "N_CLUSTERS": 2, "WORKERS": 1,
    }  # fmt: skip
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project", {f"PERSONA_{name}": str(value) for name, value in settings.items()})


def test_assets_are_listed(project):
    assert project.run("dagster asset list") == sorted(READS)
    listed = "\n".join(project.run("dg list defs"))
    assert all(name in listed for name in (*READS, "prepare_days", "every_day", "new_files"))


def test_the_last_line_asks_for_a_missing_day(project):
    for command in ("dagster asset materialize --select raw_events", "dg launch --assets raw_events"):
        shown = project.run(command, status=2)
        assert re.match("Error: raw_events: made a day at a time. Add --partition 20", shown[-1])
        assert "Traceback" not in "\n".join(shown)


def test_the_last_line_names_a_working_command_for_missing_inputs(project):
    shown = project.run(f"dagster asset materialize --select clusters --partition {DAYS[0]}", status=1)

    assert "\n".join(shown).count("have not been materialized") == 1
    assert "Stack Trace" not in "\n".join(shown)
    said, command = shown[-1].split(": run ")
    missing = "raw_events, consent_records, consents, user_actions, english_posts, embeddings, english_users"
    assert said == f"{missing} have not been materialized for {DAYS[0]}"
    assert command == f"dg launch --assets {missing.replace(', ', ',')} --partition {DAYS[0]}"
    project.run(command)
    made = {*missing.split(", "), "rejected_lines"} - set(ALL_DAYS_ASSETS)
    assert made <= set(project.stored(DAYS[0]))
    project.run(f"dg launch --assets clusters --partition {DAYS[0]}")
    assert "clusters" in project.stored(DAYS[0])


@pytest.mark.parametrize("name", ["raw_events", "rejected_lines"])
def test_either_table_of_the_first_step_can_be_selected_alone(project, name):
    project.run(f"dagster asset materialize --select {name} --partition {DAYS[0]}")

    assert project.stored(DAYS[0]) == ["raw_events", "rejected_lines"]


def test_a_range_of_days_makes_each_day_and_what_is_over_all_of_them(project):
    shown = project.run(f"dg launch --assets '*' --partition-range {DAYS[0]}...{DAYS[1]}")

    assert [project.stored(day) for day in DAYS] == [BY_DAY, BY_DAY]
    assert all((project.root / "data" / f"{name}.parquet").is_file() for name in ALL_DAYS_ASSETS)
    said = [
        line.rpartition(" - ")[2] for line in shown if re.search(r" - (day \d of \d: |(\S+, )+over all days)", line)
    ]
    # Each day up to what accounts say, then what they allow on all days; each day up to its phrases, what is over all
    # days, and each day's report.
    assert [line.partition(" (")[0] for line in said] == [
        *(one := [f"day 1 of 2: {DAYS[0]}", f"day 2 of 2: {DAYS[1]}"]), "consents, over all days", *one,
        "lineage, persona_labels, over all days", *one
    ]  # fmt: skip
    assert said[-1].endswith("(agent_profiles, cluster_stats, dataset)")


def test_a_backfill_needs_no_workspace_option(project):
    project.run(f"dagster job backfill -j prepare_days --from {DAYS[0]} --to {DAYS[1]} --noprompt")

    assert "embeddings" in project.stored(DAYS[1])


def test_the_ui_starts_and_stops(project):
    port = find_free_port()
    command = f"dg dev --port {port}"
    server = project.start(command)
    try:
        while server.poll() is None and not answers(port):
            time.sleep(0.5)
    finally:
        server.send_signal(signal.SIGINT)
        shown, _ = server.communicate()
    assert server.returncode == 0, shown
    require_quiet(command, shown)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5):
            return True
    except (OSError, http.client.HTTPException):  # not up yet, or restarting
        return False


def test_make_install_names_the_environment_once(tmp_path):
    recipe = subprocess.run(
        ["make", "--dry-run", "--always-make", "install"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in recipe.stdout.splitlines() if "activate" in line]
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.write_text("VIRTUAL_ENV=/there/.venv\n")
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")

    for _ in range(2):
        subprocess.run(["bash", "-c", line], cwd=tmp_path, check=True)

    told = subprocess.run(
        ["bash", "-c", f". {activate}; env"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert "DAGSTER_HOME=/there/dagster_home" in told
    assert "DAGSTER_CLI_ASSET_LIST_MODULE_NAME=persona_assets.definitions" in told
    assert activate.read_text().count("export DAGSTER_HOME") == 1
