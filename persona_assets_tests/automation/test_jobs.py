"""The jobs: what a day needs, and what a window is turned into."""

import datetime as dt
import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from persona_assets.automation.jobs import DAY_ASSETS, LINEAGE_ASSETS, PERSONA_ASSETS
from persona_assets.definitions import build_definitions
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings
from persona_assets_tests.embeddings.builders import make_model

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("job", "assets"),
    [("prepare_days", DAY_ASSETS), ("make_personas", PERSONA_ASSETS)],
)
def test_a_job_makes_its_assets_day_by_day(job, assets):
    settings = read_settings({"PERSONA_START_DATE": "2025-02-03"})

    made = build_definitions(settings).resolve_job_def(job)

    assert {key.to_user_string() for key in made.asset_layer.selected_asset_keys} == set(assets)
    assert made.partitions_def.start.date() == dt.date(2025, 2, 3)


def test_personas_are_traced_once_for_all_days():
    made = build_definitions(read_settings({})).resolve_job_def("trace_personas")

    assert {key.to_user_string() for key in made.asset_layer.selected_asset_keys} == set(LINEAGE_ASSETS)
    assert made.partitions_def is None


@pytest.mark.slow
def test_a_backfill_finishes_the_days_beside_a_hole_and_later_makes_the_hole_alone(tmp_path):
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
