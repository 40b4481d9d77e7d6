"""The asset `consent_records` in a graph: its tables, its counts and its checks."""

import datetime as dt

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.assets.consent_records import assets as consent_records_assets
from persona_assets.assets.consent_records.assets import build_consent_records
from persona_assets.common.lexicon import POST
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.partitions import daily_partitions
from persona_assets_tests.assets.consent_records.builders import account, commit, preference
from persona_assets_tests.checked import find_failed

DAY = "2025-03-01"
DAYS = daily_partitions(dt.date(2025, 3, 1))


@pytest.fixture
def make(tmp_path):
    """Materialize a day of events and `consent_records` of it."""

    def make_day(events):
        @dg.asset(partitions_def=DAYS)
        def raw_events():
            return dg.MaterializeResult(value=pa.Table.from_pylist(events, schema=tables.RAW_EVENTS))

        resources = {"io_manager": ParquetIOManager(base=str(tmp_path)), "scratch": Scratch()}
        assets = [raw_events, build_consent_records(DAYS)]
        return dg.materialize(assets, partition_key=DAY, resources=resources, raise_on_error=False)

    return make_day


def test_a_day_is_stored_with_its_deleted_posts_and_counted(make, tmp_path):
    result = make([account("deleted"), preference(allow={"training": False}), commit(POST, "delete", rkey="a")])

    assert pq.read_table(tmp_path / "consent_records" / f"{DAY}.parquet").num_rows == 2
    assert pq.read_table(tmp_path / "deleted_posts" / f"{DAY}.parquet")["day"].to_pylist() == [dt.date(2025, 3, 1)]
    (made,) = result.asset_materializations_for_node("consent_records")
    assert made.metadata["deleted_posts"].value == 1
    assert [tuple(row.data.values()) for row in made.metadata["stored"].records] == [
        ("account_status", 1),
        ("ai_preference", 1),
    ]
    assert find_failed(result.get_asset_check_evaluations()) == {}


def test_a_day_without_statements_is_stored_empty(make, tmp_path):
    assert find_failed(make([]).get_asset_check_evaluations()) == {}

    assert pq.read_table(tmp_path / "consent_records" / f"{DAY}.parquet").num_rows == 0
    assert not (tmp_path / "deleted_posts").exists()


def test_declarations_that_cannot_be_read_are_a_warning(make):
    result = make([preference(preference_json="[]")])

    assert result.success
    failed = find_failed(result.get_asset_check_evaluations())
    assert failed == {"every_declaration_can_be_read": dg.AssetCheckSeverity.WARN}


def test_a_day_of_an_earlier_version_is_a_warning(make, tmp_path):
    make([account("deleted"), preference(allow={"training": False})])
    file = tmp_path / "raw_events" / f"{DAY}.parquet"
    old = pq.read_table(file, partitioning=None).drop_columns(["self_labels", "preference_json"])
    pq.write_table(old, file)

    result = dg.materialize(
        [dg.AssetSpec("raw_events", partitions_def=DAYS), build_consent_records(DAYS)],
        partition_key=DAY,
        resources={"io_manager": ParquetIOManager(base=str(tmp_path)), "scratch": Scratch()},
    )

    failed = find_failed(result.get_asset_check_evaluations())
    assert failed == {"the_events_have_declarations": dg.AssetCheckSeverity.WARN}


def test_events_that_are_neither_stored_nor_dropped_stop_the_run(make, monkeypatch):
    extract = consent_records_assets.extract_statements

    def lose_one(*arguments, **options):
        found = extract(*arguments, **options)
        found.states.subtract(["account_status"])
        return found

    monkeypatch.setattr(consent_records_assets, "extract_statements", lose_one)
    result = make([account("deleted")])

    assert not result.success
    failed = find_failed(result.get_asset_check_evaluations())
    assert failed == {"every_statement_is_accounted_for": dg.AssetCheckSeverity.ERROR}
