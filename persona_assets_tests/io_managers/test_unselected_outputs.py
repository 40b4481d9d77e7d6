"""Outputs of a step that were not selected are stored, and their materializations and checks are logged."""

import datetime as dt

import dagster as dg
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.common.columns import require_schema
from persona_assets.errors import UnselectedAssetCheckError
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.io_managers.unselected_outputs import yield_selected_and_store_others
from persona_assets.partitions import daily_partitions

DAY = "2025-03-02"
DAYS = daily_partitions(dt.date(2025, 3, 1))
WANTED, OTHER = dg.AssetKey("clusters"), dg.AssetKey("user_actions")
TABLES = {WANTED: tables.CLUSTERS, OTHER: tables.USER_ACTIONS}


@dg.multi_asset(
    partitions_def=DAYS,
    can_subset=True,
    outs={key.to_user_string(): dg.AssetOut(is_required=False) for key in TABLES},
    check_specs=[dg.AssetCheckSpec("is_good", asset=OTHER)],
)
def both(context: dg.AssetExecutionContext, io_manager: dg.ResourceParam[dg.IOManager]):
    severity = dg.AssetCheckSeverity(context.run.tags.get("severity", "WARN"))
    check = dg.AssetCheckResult(
        asset_key=OTHER, check_name="is_good", passed=False, severity=severity, metadata={"n": 3}
    )
    results = [
        dg.MaterializeResult(
            asset_key=key,
            value=schema.empty_table(),
            metadata={"lines": 7},
            check_results=[check] if key == OTHER else None,
        )
        for key, schema in reversed(TABLES.items())
    ]
    yield from yield_selected_and_store_others(context, io_manager, results)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def run(tmp_path, instance):
    def run(*selection, **tags):
        resources = {"io_manager": ParquetIOManager(base=str(tmp_path))}
        return dg.materialize(
            [both], selection=selection, partition_key=DAY, resources=resources, instance=instance, tags=tags
        )

    return run


def test_both_are_stored_and_materialized_on_the_day(run, tmp_path, instance):
    run(WANTED)

    for key, schema in TABLES.items():
        stored = pq.read_schema(tmp_path / key.to_user_string() / f"{DAY}.parquet")
        require_schema(stored, tables.add_day_field(schema), table=key.to_user_string())
        (made,) = instance.fetch_materializations(key, limit=2).records
        assert made.partition_key == DAY
        assert {"lines", "path", "dagster/partition_row_count"} <= set(made.asset_materialization.metadata)


def test_each_materialization_has_a_new_data_version(run, instance):
    run(WANTED)
    run(WANTED)

    versions = [
        record.asset_materialization.tags["dagster/data_version"]
        for record in instance.fetch_materializations(OTHER, limit=3).records
    ]
    assert len(set(versions)) == 2


def test_checks_of_an_unselected_asset_are_logged(run):
    (unselected,), (selected,) = (run(key).get_asset_check_evaluations() for key in (WANTED, OTHER))

    for answered in ("asset_check_key", "passed", "severity", "metadata", "description"):
        assert getattr(unselected, answered) == getattr(selected, answered)


def test_selected_results_are_yielded_and_not_stored_twice(run, instance):
    run(WANTED, OTHER)

    assert [len(instance.fetch_materializations(key, limit=3).records) for key in TABLES] == [1, 1]


def test_a_failed_error_check_stops_the_run_after_both_are_stored(run, instance):
    with pytest.raises(UnselectedAssetCheckError, match="is_good of .*user_actions.* failed"):
        run(WANTED, severity="ERROR")

    assert [len(instance.fetch_materializations(key, limit=3).records) for key in TABLES] == [1, 1]
