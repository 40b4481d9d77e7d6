"""The asset `user_assignments`: which day it assigns to, what it stores, and its checks."""

import datetime as dt

import dagster as dg
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.assets.user_assignments.assets import build_user_assignments, check_assignments
from persona_assets.assets.user_assignments.drift import measure_drift
from persona_assets.assets.user_assignments.nearest_personas import AssignedUsers, assign_users
from persona_assets.assets.user_assignments.stored_tables import USER_ASSIGNMENTS
from persona_assets.common.scratch import Scratch
from persona_assets.errors import MemoryLimitError, MissingPartitionError, SettingsError, VectorError
from persona_assets.io_managers.parquet_tables import ParquetIOManager, WithSideTables
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets.post_vectors import user_vectors
from persona_assets_tests.assets.clusters.builders import dataset, embeddings_of, users_of
from persona_assets_tests.assets.user_assignments.builders import SIZES, draw_users, earlier_of, fit, posts_of
from persona_assets_tests.checked import find_failed

DAYS = daily_partitions(dt.date(2025, 3, 1), dt.date(2025, 3, 9))


def of_model(table, model):
    return table.replace_schema_metadata(tables.add_vector_model(table.schema, model).metadata)


@pytest.fixture
def assign(tmp_path, monkeypatch):
    """Store clusters of some days, then materialize the asset for a day with new users of the same population."""
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path))
    clustering = fit()

    @dg.asset(name="clusters", partitions_def=DAYS)
    def stub_clusters():
        centres = of_model(clustering.centres, "one")
        return dg.MaterializeResult(value=WithSideTables(clustering.clusters, {"cluster_centres": centres}))

    def run(
        day="2025-03-05", *, clustered=("2025-03-01", "2025-03-03", "2025-03-07"), seed=11, sizes=SIZES, model=None
    ):
        ids, vectors, _ = draw_users(sizes, seed=seed)

        @dg.asset(partitions_def=DAYS)
        def embeddings():
            return of_model(embeddings_of(list(zip(ids, vectors, strict=True))), model)

        @dg.asset(partitions_def=DAYS)
        def english_users():
            return users_of(ids)

        resources = {"io_manager": ParquetIOManager(base=str(tmp_path)), "scratch": Scratch()}
        for other in clustered:
            assert dg.materialize([stub_clusters], partition_key=other, resources=resources).success
        asset = build_user_assignments(DAYS, trailing_window(2))
        result = dg.materialize([embeddings, english_users, asset], partition_key=day, resources=resources)
        return result, pq.read_table(tmp_path / "user_assignments" / f"{day}.parquet")

    return run


def test_users_are_assigned_to_the_last_day_before_that_has_clusters(assign):
    result, table = assign()

    assert table.schema.remove_metadata().equals(tables.add_day_field(USER_ASSIGNMENTS).remove_metadata())
    assert set(table["assigned_day"].to_pylist()) == {dt.date(2025, 3, 3)}
    assert set(table["day"].to_pylist()) == {dt.date(2025, 3, 5)}
    assert find_failed(result.get_asset_check_evaluations()) == {}
    (event,) = result.asset_materializations_for_node("user_assignments")
    assert event.metadata["users"].value == event.metadata["new_users"].value == 120
    assert event.metadata["assigned_day"].value == "2025-03-03"
    assert [row.data["users"] for row in event.metadata["personas"].records] == [60, 40, 20]
    assert "new11" not in str(event.metadata)


def test_a_window_with_too_many_users_for_the_limit_is_refused(assign, monkeypatch):
    monkeypatch.setattr(user_vectors, "BYTES_PER_USER", 100_000_000)

    with pytest.raises(MemoryLimitError, match=r"12\.0 GB for the 120 users of the window"):
        assign()


def test_the_day_may_be_a_setting(assign, monkeypatch):
    monkeypatch.setenv("PERSONA_ASSIGN_TO", "2025-03-01")

    assert set(assign()[1]["assigned_day"].to_pylist()) == {dt.date(2025, 3, 1)}


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ("2025-03-02", MissingPartitionError, "make_personas --partition 2025-03-02"),
        ("2025-02-30", SettingsError, "PERSONA_ASSIGN_TO=2025-02-30 is no date"),
    ],
)
def test_a_day_that_is_asked_for_must_have_clusters(assign, monkeypatch, asked, error, message):
    monkeypatch.setenv("PERSONA_ASSIGN_TO", asked)

    with pytest.raises(error, match=message):
        assign()


@pytest.mark.parametrize(
    ("day", "failed"),
    [("2025-03-05", {"an_earlier_day_has_clusters": dg.AssetCheckSeverity.WARN}), ("2025-03-01", {})],
)
@pytest.mark.parametrize("clustered", [(), ("2025-03-05", "2025-03-07")])
def test_without_an_earlier_day_nobody_is_assigned_and_that_is_said(assign, day, failed, clustered):
    result, table = assign(day, clustered=clustered)

    assert (len(table), find_failed(result.get_asset_check_evaluations())) == (0, failed)
    (event,) = result.asset_materializations_for_node("user_assignments")
    (dropped,) = event.metadata["dropped"].records
    assert dropped.data == {"reason": "no earlier day has clusters", "count": 120}


def test_equal_inputs_have_equal_bytes(assign, tmp_path):
    assign()
    before = (tmp_path / "user_assignments" / "2025-03-05.parquet").read_bytes()

    assign(clustered=())

    assert (tmp_path / "user_assignments" / "2025-03-05.parquet").read_bytes() == before


def test_vectors_of_another_model_are_an_error(assign):
    with pytest.raises(VectorError, match="cosines mean nothing"):
        assign(model="another")


def test_other_shares_are_a_warning(assign):
    result, _ = assign(sizes=(10, 20, 90))

    assert find_failed(result.get_asset_check_evaluations()) == {
        "personas_have_the_shares_of_the_fit": dg.AssetCheckSeverity.WARN
    }


@pytest.fixture
def far(tmp_path):
    """Return users who are far from all personas, and their drift."""
    earlier = earlier_of(fit(), tmp_path)
    ids, vectors, _ = draw_users(SIZES, seed=1, noise=0.6)
    assigned = assign_users(posts_of(ids, vectors), dataset(users_of(ids)), earlier)
    return assigned, measure_drift(assigned.table, earlier)


def test_outliers_and_a_fall_of_similarity_are_warnings(far):
    failed = find_failed(check_assignments(*far, 120))

    assert set(failed) >= {"few_users_are_outliers", "users_are_as_similar_as_in_the_fit"}
    assert set(failed.values()) == {dg.AssetCheckSeverity.WARN}


def test_a_user_without_a_row_is_an_error(far):
    failed = find_failed(check_assignments(*far, 121))

    assert failed["every_user_is_accounted_for"] == dg.AssetCheckSeverity.ERROR


def test_a_window_without_users_passes():
    empty = AssignedUsers(USER_ASSIGNMENTS.empty_table(), {"no vector in the window": 2})

    assert find_failed(check_assignments(empty, None, 2)) == {}
