"""A range of days is one run per day, in order, with events and checks of its own day."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from persona_assets.command_line.day_ranges import group_by_partitioning
from persona_assets_tests.command_line.graph_of_days import days, summed
from persona_assets_tests.late_signals import LATE_SIGNAL, write_instance
from persona_assets_tests.signals import heed_signals

pytestmark = pytest.mark.slow
GRAPH = Path(__file__).with_name("graph_of_days.py")
ROOT = Path(__file__).parents[2]
MADE = dg.AssetKey("counted")


def materialize(home, *options, **environment):
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").touch()
    return subprocess.run(
        [Path(sys.executable).parent / "dagster", "asset", "materialize", "-f", GRAPH, *options],
        env=os.environ | {"DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heed_signals,
    )


def made_days(instance):
    events = instance.fetch_materializations(MADE, limit=100).records
    return [(event.partition_key, event.asset_materialization.metadata["rows"].value) for event in reversed(events)]


def checked_days(instance):
    """Return whether each day passed its check. The run of the range has no checks."""
    key = dg.AssetCheckKey(MADE, "is_even")
    checks = instance.event_log_storage.get_asset_check_execution_history(key, limit=9)
    found = [check.event.dagster_event.event_specific_data for check in reversed(checks)]
    return [evaluation.passed for evaluation in found if isinstance(evaluation, dg.AssetCheckEvaluation)]


def status_of_days(instance):
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        found = instance.get_status_by_partition(MADE, days.get_partition_keys(), days)
    return {day: status and status.value for day, status in found.items()}


def test_each_day_is_materialized_and_checked_by_a_run_of_its_own_and_what_follows_once(tmp_path):
    done = materialize(tmp_path / "home", "--select", "*", "--partition-range", "2025-03-02...2025-03-04")

    assert done.returncode == 0, done.stderr
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        assert made_days(instance) == [("2025-03-02", 2), ("2025-03-03", 3), ("2025-03-04", 4)]
        events = instance.fetch_materializations(MADE, limit=9).records
        assert len({event.run_id for event in events}) == 3
        assert len(instance.fetch_materializations(summed.key, limit=9).records) == 1
        assert checked_days(instance) == [True, False, True]
        assert status_of_days(instance) == {
            "2025-03-01": None,
            "2025-03-02": "MATERIALIZED",
            "2025-03-03": "MATERIALIZED",
            "2025-03-04": "MATERIALIZED",
            "2025-03-05": None,
        }
        assert {run.status.value for run in instance.get_runs()} == {"SUCCESS"}


def test_the_first_failed_day_ends_the_range_and_its_error_is_printed_last(tmp_path):
    done = materialize(
        tmp_path / "home", "--select", "*", "--partition-range", "2025-03-01...2025-03-05", FAILS_ON="2025-03-02"
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "no file for 2025-03-02: look for it"
    assert "2025-03-02 failed, 1 of 5 days were made before it; 2025-03-03 to 2025-03-05 have not been" in done.stderr
    assert done.stderr.count("no file for 2025-03-02") == 1
    assert "Stack Trace" not in done.stderr
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        assert made_days(instance) == [("2025-03-01", 1)]
        assert instance.fetch_materializations(summed.key, limit=9).records == []
        assert status_of_days(instance) == {
            "2025-03-01": "MATERIALIZED",
            "2025-03-02": "FAILED",
            "2025-03-03": None,
            "2025-03-04": None,
            "2025-03-05": None,
        }
        # Dagster takes all days of a failed run as failed, so the run of the range is canceled instead.
        assert {run.tags.get("dagster/partition", "all"): run.status.value for run in instance.get_runs()} == {
            "2025-03-01": "SUCCESS",
            "2025-03-02": "FAILURE",
            "all": "CANCELED",
        }


def test_a_materialized_day_stays_so_if_an_earlier_day_fails(tmp_path):
    home = tmp_path / "home"
    assert materialize(home, "--select", "counted", "--partition", "2025-03-04").returncode == 0

    done = materialize(home, "--select", "*", "--partition-range", "2025-03-02...2025-03-05", FAILS_ON="2025-03-03")

    assert done.returncode == 1
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert made_days(instance) == [("2025-03-04", 4), ("2025-03-02", 2)]
        assert status_of_days(instance) == {
            "2025-03-01": None,
            "2025-03-02": "MATERIALIZED",
            "2025-03-03": "FAILED",
            "2025-03-04": "MATERIALIZED",
            "2025-03-05": None,
        }


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_at_the_end_of_a_days_run_ends_the_range(tmp_path, number):
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(write_instance(home))

    done = materialize(home, "--select", "*", "--partition-range", "2025-03-01...2025-03-03", **{LATE_SIGNAL: number})

    assert done.returncode != 0
    assert "interrupted: 1 of 3 days were made; 2025-03-02 to 2025-03-03 have not been begun" in done.stderr
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert made_days(instance) == [("2025-03-01", 1)]
        assert instance.fetch_materializations(summed.key, limit=9).records == []
        assert set(status_of_days(instance).values()) == {"MATERIALIZED", None}


def test_a_single_day_is_one_run(tmp_path):
    done = materialize(tmp_path / "home", "--select", "counted", "--partition", "2025-03-02")

    assert done.returncode == 0, done.stderr
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        assert len(instance.get_runs()) == 1
        assert made_days(instance) == [("2025-03-02", 2)]


def test_daily_assets_and_those_over_all_days_run_in_turn_where_one_needs_the_other():
    def daily(name, *needed):
        return dg.AssetSpec(name, deps=needed, partitions_def=days)

    specs = [
        *(daily("parsed"), daily("said", "parsed"), dg.AssetSpec("allowed", deps=["said"])),
        *(daily("vectors", "parsed", "allowed"), dg.AssetSpec("followed", deps=["vectors"])),
        daily("report", "followed", "vectors"),
    ]
    assets = [dg.multi_asset(specs=[spec], name=f"make_{spec.key.to_user_string()}")(lambda: None) for spec in specs]
    job = dg.Definitions(assets=assets).resolve_implicit_global_asset_job_def()
    keys = sorted(spec.key for spec in specs)

    groups = group_by_partitioning(job.asset_layer, keys)
    named = [(group.is_daily, [key.to_user_string() for key in group.assets]) for group in groups]

    assert named == [
        (True, ["parsed", "said"]),
        (False, ["allowed"]),
        (True, ["vectors"]),
        (False, ["followed"]),
        (True, ["report"]),
    ]
    without = [key for key in keys if key.to_user_string() not in {"allowed", "followed"}]
    assert [group.assets for group in group_by_partitioning(job.asset_layer, without)] == [without]
