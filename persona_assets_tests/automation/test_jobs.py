"""The jobs: their assets, and the days that a backfill of them covers."""

import datetime as dt
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.asset_backfill import AssetBackfillData

from persona_assets.definitions import build_definitions
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings
from persona_assets_tests.assets.embeddings.builders import make_model
from persona_assets_tests.whole_graph import (
    ALL_DAYS_ASSETS,
    ASSIGNMENT_ASSETS,
    CONSENT_ASSETS,
    DAY_ASSETS,
    LINEAGE_ASSETS,
    PERSONA_ASSETS,
)

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("job", "assets"),
    [
        ("prepare_days", (*DAY_ASSETS, *CONSENT_ASSETS)),
        ("make_personas", (*PERSONA_ASSETS, *LINEAGE_ASSETS)),
        ("process_day", (*DAY_ASSETS, *PERSONA_ASSETS, *ALL_DAYS_ASSETS)),
        ("assign_users", (*DAY_ASSETS, *CONSENT_ASSETS, "english_users", *ASSIGNMENT_ASSETS)),
    ],
)
def test_a_job_materializes_its_assets_for_each_day(job, assets):
    settings = read_settings({"PERSONA_START_DATE": "2025-02-03"})

    made = build_definitions(settings).resolve_job_def(job)

    assert {key.to_user_string() for key in made.asset_layer.selected_asset_keys} == set(assets)
    assert made.partitions_def.start.date() == dt.date(2025, 2, 3)


def find_target_messages(days, assets, **settings):
    """Return the days of each asset that a backfill from the UI for the given days would materialize."""
    graph = build_definitions(read_settings(settings)).resolve_asset_graph()
    data = AssetBackfillData.from_asset_partitions(
        graph,
        partition_names=days,
        asset_selection=[dg.AssetKey(name) for name in assets],
        dynamic_partitions_store=dg.DagsterInstance.ephemeral(),
        backfill_start_timestamp=time.time(),
        all_partitions=False,
    )
    target = data.target_subset.partitions_subsets_by_asset_key
    return {key.to_user_string(): sorted(subset.get_partition_keys()) for key, subset in target.items()}


@pytest.mark.parametrize("assets", [DAY_ASSETS, PERSONA_ASSETS])
def test_a_backfill_of_a_jobs_assets_covers_only_the_chosen_days(assets):
    days = ["2025-03-01", "2025-03-02", "2025-03-03"]

    assert find_target_messages(days, assets) == dict.fromkeys(assets, days)


def test_a_backfill_of_all_assets_covers_every_window_with_a_chosen_day():
    assets, days = (*DAY_ASSETS, *PERSONA_ASSETS), ["2025-03-01", "2025-03-02", "2025-03-03"]

    without = find_target_messages(days, assets)
    assert {name: len(without[name]) for name in assets} == {
        **dict.fromkeys(DAY_ASSETS, 3),
        **dict.fromkeys(PERSONA_ASSETS, 9),
    }
    assert find_target_messages(days, assets, PERSONA_END_DATE="2025-03-03") == dict.fromkeys(assets, days)


def test_personas_are_traced_once_for_all_days():
    made = build_definitions(read_settings({})).resolve_job_def("trace_personas")

    assert {key.to_user_string() for key in made.asset_layer.selected_asset_keys} == set(LINEAGE_ASSETS)
    assert made.partitions_def is None


@pytest.mark.slow
def test_a_backfill_can_later_make_only_the_days_that_failed(tmp_path):
    days = [dt.date(2025, 3, 1) + dt.timedelta(days=number) for number in range(3)]
    write_capture(tmp_path / "capture", days=3, start_date=days[0], users=60, personas=2, seed=0)
    hole = tmp_path / "capture" / days[1].strftime("bluesky-%Y-%m/%d")
    hole.rename(tmp_path / "late")
    (tmp_path / "home").mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", tmp_path / "home")
    settings = {"CAPTURE": tmp_path / "capture", "DATA": tmp_path / "data", "MODEL": make_model(tmp_path / "model")}
    environment = {f"PERSONA_{name}": str(value) for name, value in settings.items()}

    def backfill(*chosen):
        command = [Path(sys.executable).parent / "dagster", "job", "backfill", "-w", "workspace.yaml", "--noprompt"]
        subprocess.run(
            [*command, "-j", "prepare_days", *map(str, chosen)],
            cwd=ROOT,
            env=os.environ | environment | {"DAGSTER_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)},
            check=True,
            capture_output=True,
            timeout=600,
        )
        with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
            return sorted((run.tags["dagster/partition"], run.status.value) for run in instance.get_runs())

    def made():
        return {file.name: file.stat().st_mtime_ns for file in (tmp_path / "data" / "embeddings").glob("*.parquet")}

    first, second, third = map(str, days)
    assert backfill("--from", first, "--to", third) == [(first, "SUCCESS"), (second, "FAILURE"), (third, "SUCCESS")]
    before = made()
    assert set(before) == {f"{first}.parquet", f"{third}.parquet"}

    (tmp_path / "late").rename(hole)
    assert (second, "SUCCESS") in backfill("--partitions", second)
    after = made()
    assert set(after) == {f"{day}.parquet" for day in days}
    assert {name: after[name] for name in before} == before
