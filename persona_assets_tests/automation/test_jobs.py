"""The jobs: their assets, and the days that a backfill of them covers."""

import datetime as dt
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView, TemporalContext
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.asset_backfill import AssetBackfillData, execute_asset_backfill_iteration_inner
from dagster._core.test_utils import mock_workspace_from_repos

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
LOGGER = logging.getLogger(__name__)


@pytest.mark.parametrize(
    ("job", "assets"),
    [
        ("prepare_days", (*DAY_ASSETS, *CONSENT_ASSETS)),
        ("make_personas", (*CONSENT_ASSETS, *PERSONA_ASSETS, *LINEAGE_ASSETS)),
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


def plan_rounds(assets, **settings):
    """Return what a backfill of the UI over all days of the graph starts together, round by round: (asset, day) pairs.

    Dagster's own planner is asked again and again; what it asked for counts as made.
    """
    repository = build_definitions(read_settings(settings)).get_repository_def()
    graph = mock_workspace_from_repos([repository]).asset_graph
    now = dt.datetime.now(dt.UTC)
    at = now.timestamp()
    with dg.DagsterInstance.ephemeral() as instance:
        view = AssetGraphView(
            temporal_context=TemporalContext(effective_dt=now, last_event_id=None), instance=instance, asset_graph=graph
        )
        keys = [dg.AssetKey(name) for name in assets]
        data = AssetBackfillData.from_asset_partitions(graph, None, keys, instance, at, all_partitions=True)
        while data.materialized_subset != data.target_subset:
            asked = execute_asset_backfill_iteration_inner("id", data, view, at, LOGGER, None).run_requests
            assert asked, "the planner asks for something until all is made"
            pairs = {AssetKeyPartitionKey(key, run.partition_key) for run in asked for key in run.asset_selection}
            yield {(pair.asset_key.to_user_string(), pair.partition_key) for pair in pairs}
            made = data.materialized_subset | AssetGraphSubset.from_asset_partition_set(pairs, graph)
            data = data._replace(requested_runs_for_target_roots=True, requested_subset=made, materialized_subset=made)


def test_a_backfill_of_all_assets_reads_what_all_days_say_before_anything_that_needs_it():
    """Otherwise the first days would hold accounts that refuse on later days, and nothing would say so."""
    days = {"2025-03-01", "2025-03-02", "2025-03-03"}
    assets = (*DAY_ASSETS, *PERSONA_ASSETS, *ALL_DAYS_ASSETS)

    rounds = list(plan_rounds(assets, PERSONA_START_DATE=min(days), PERSONA_END_DATE=max(days)))

    (at,) = [number for number, made in enumerate(rounds) if ("consents", None) in made]
    before, after = (set().union(*some) for some in (rounds[:at], rounds[at + 1 :]))
    assert {day for asset, day in before if asset == "consent_records"} == days
    readers = {"embeddings", *PERSONA_ASSETS}
    assert {asset for asset, _ in before | rounds[at]} & readers == set()
    assert {(asset, day) for asset in readers for day in days} <= after


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
