"""The demo in a child process over a small capture: output, exit status and stored results."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import dagster as dg
import pytest

from persona_assets_tests.late_signals import LATE_SIGNAL, write_instance
from persona_assets_tests.signals import heed_signals

ROOT = Path(__file__).parents[2]
DAYS = ["2025-03-01", "2025-03-02"]
pytestmark = [pytest.mark.slow, pytest.mark.model]


def run_demo(root, *arguments, **settings):
    """Run the demo in a new folder; return its exit status and its output."""
    with start_demo(root, *arguments, **settings) as process:
        said, _ = process.communicate()
    return process.returncode, said


def start_demo(root, *arguments, instance="", environment=None, **settings):
    """Start the demo in a new folder, with `instance` appended to its dagster.yaml."""
    (root / "home").mkdir(exist_ok=True)
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", root / "home")
    with (root / "home" / "dagster.yaml").open("a") as config:
        config.write(instance)
    given = {
        "CAPTURE": root / "capture",
        "DATA": root / "assets",
        "START_DATE": DAYS[0],
        "END_DATE": DAYS[-1],
        "N_CLUSTERS": 2,
        **settings,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "persona_assets.sample.demo", "--users", "80", "--personas", "2", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PERSONA_", "PYTHONWARNINGS"))}
        | {f"PERSONA_{name}": str(value) for name, value in given.items()}
        | {"DAGSTER_HOME": str(root / "home"), "TMPDIR": str(root)}
        | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed_signals,  # noqa: PLW1509 - no threads yet
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder of a demo, its exit status and what it printed."""
    root = tmp_path_factory.mktemp("demo")
    return root, *run_demo(root)


def test_it_prints_duration_and_result_of_each_step(demo):
    _, status, said = demo

    assert status == 0, said
    assert re.search(r"[\d.]+ s  [\d,]+ lines, 80 users", said)
    for day in DAYS:
        assert re.search(rf"{day} +[\d.]+ s  [\d,]+ events, [\d,]+ English posts", said)
        assert re.search(rf"{day} +[\d.]+ s  [\d,]+ users with enough English posts", said)
    assert re.search(r"all days +[\d.]+ s", said)


def test_it_compares_clusters_with_planted_personas(demo):
    said = " ".join(demo[2].split())

    index = re.search(r"users \(\d+%\) are in .* Adjusted Rand index: (\d\.\d\d), where 1 is", said)
    assert index
    assert float(index[1]) >= 0.8
    assert "2 of 2 planted personas have a cluster of their own" in said


def test_it_ends_with_the_url_of_the_report_and_the_next_command(demo):
    *_, address, data_set, following = demo[2].splitlines()

    assert Path(url2pathname(urlparse(address.removeprefix("Report: ")).path)).is_file()
    assert address.startswith("Report: file:///")
    folder = Path(data_set.removeprefix("Data set: ").partition(",")[0])
    assert {"README.md", "croissant.json", "data"} <= {entry.name for entry in folder.iterdir()}
    assert "make dev" in following


def test_output_of_dagster_goes_to_the_log_that_it_names(demo):
    root, _, said = demo

    for noise in ("Traceback", "nanobind", "dagster - "):
        assert noise not in said
    assert len(said.splitlines()) < 60
    assert f"log: {root / 'demo.log'}" in said
    assert "dagster - INFO" in (root / "demo.log").read_text()


def test_warnings_of_steps_reach_the_console(demo):
    """The share of damaged lines in so small a capture is above the maximum of a check of raw_events."""
    assert re.search(
        r"Warning of raw_events: check \w+ of raw_events failed .*rejected_lines", " ".join(demo[2].split())
    )


def test_the_instance_knows_every_day_of_every_asset(demo):
    with dg.DagsterInstance.from_config(str(demo[0] / "home")) as instance:
        runs = instance.get_runs()
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        assert {run.tags[".dagster/repository"] for run in runs} == {"__repository__@persona_assets"}
        for asset in ("raw_events", "embeddings", "clusters", "cluster_jsonl", "cluster_stats", "dataset"):
            assert instance.get_materialized_partitions(dg.AssetKey(asset)) == set(DAYS)
        assert instance.get_latest_materialization_event(dg.AssetKey("lineage"))


def test_a_demo_whose_clusters_do_not_match_says_so(demo):
    """Six clusters of two personas."""
    root, *_ = demo

    status, said = run_demo(root, N_CLUSTERS=6, MIN_CLUSTER_SIZE=1)

    assert status == 1
    assert "THE CLUSTERS DO NOT MATCH THE PLANTED PERSONAS" in " ".join(said.split())
    assert "Report: file:///" in said


def test_a_failed_step_ends_it_with_the_tail_of_the_log(tmp_path):
    status, said = run_demo(tmp_path, MODEL=tmp_path / "no-model")

    assert status == 1
    assert f"job prepare_days of {DAYS[0]} failed. The end of the log, {tmp_path / 'demo.log'}:" in said
    assert "there is no such folder" in said
    assert len(said.splitlines()) < 60
    assert "Found on" not in said


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"CAPTURE": "s3://bucket/capture"}, "Unset it"),
        ({"CAPTURE": ROOT / "deploy"}, "set PERSONA_CAPTURE to a folder"),
    ],
)
def test_a_users_own_capture_is_not_overwritten(tmp_path, settings, remedy):
    status, said = run_demo(tmp_path, **settings)

    assert status == 1
    assert remedy in said
    assert "Traceback" not in said


def test_an_argument_out_of_range_is_a_one_line_error(tmp_path):
    status, said = run_demo(tmp_path, "--users", "3")

    assert status == 1
    assert "ask for" in said.splitlines()[-1]


def test_an_interrupted_demo_says_so_in_one_line(tmp_path):
    with start_demo(tmp_path) as process:
        while not (tmp_path / "assets" / "raw_events" / f"{DAYS[0]}.parquet").exists() and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()

    assert process.returncode == 130
    assert "The demo was interrupted. Run it again to start over." in said
    assert "Traceback" not in said


def test_a_demo_interrupted_at_the_end_of_a_days_run_starts_no_other(tmp_path):
    home = tmp_path / "home"
    with start_demo(tmp_path, instance=write_instance(home), environment={LATE_SIGNAL: "SIGINT"}) as process:
        said, _ = process.communicate()

    assert process.returncode == 130
    assert said.splitlines()[-1] == "The demo was interrupted. Run it again to start over."
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert [run.tags["dagster/partition"] for run in instance.get_runs()] == DAYS[:1]
