"""The asset in a graph: any order of days, holes, and what runs when days are backfilled."""

import datetime as dt
import random

import dagster as dg
import pyarrow.parquet as pq
import pytest
from dagster._core.execution.asset_backfill import AssetBackfillData

from persona_assets.assets.lineage.assets import lineage
from persona_assets.errors import MissingPartitionError, StorageError
from persona_assets.io_managers.parquet_tables import ParquetIOManager, WithSideTables
from persona_assets.partitions import daily_partitions
from persona_assets_tests.assets.lineage.builders import FIRST, Month, date_of, tables_of

DAYS = daily_partitions(FIRST)


@pytest.fixture(scope="module")
def month():
    """Six days; on the fourth, one persona becomes part of another and a third begins."""
    made, people = {}, Month()
    for name, users in (("bread", 80), ("trains", 60), ("chess", 40)):
        people.add(name, users)
    for number in range(1, 7):
        if number == 4:
            people.merge("chess", into="trains")
            people.add("comets", 50)
        made[f"{date_of(number)}"] = people.next_day(number)[0]
    return made


class World:
    """A graph of `clusters` as they were planted and `lineage`, its storage and its instance."""

    def __init__(self, folder, month, instance):
        @dg.asset(partitions_def=DAYS)
        def clusters(context):
            main, centres = tables_of(month[context.partition_key])
            return dg.MaterializeResult(value=WithSideTables(main=main, side_tables={"cluster_centres": centres}))

        self.folder, self.instance = folder, instance
        self.graph = dg.Definitions(
            assets=[clusters, lineage], resources={"io_manager": ParquetIOManager(base=str(folder))}
        )

    def make_clusters(self, *days):
        for day in days:
            self._make("clusters", partition_key=day)

    def trace(self):
        return self._make("lineage").metadata

    def rows(self):
        return pq.read_table(self.folder / "lineage.parquet").to_pylist()

    def _make(self, asset, **partition):
        job = self.graph.resolve_implicit_global_asset_job_def()
        done = job.execute_in_process(instance=self.instance, asset_selection=[dg.AssetKey(asset)], **partition)
        return done.asset_materializations_for_node(asset)[0]


@pytest.fixture
def world(tmp_path, month):
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(tmp_path / "world", month, instance)


def test_days_made_in_any_order_give_the_same_bytes(world, month, tmp_path):
    world.make_clusters(*sorted(month))
    world.trace()
    with dg.DagsterInstance.ephemeral() as instance:
        other = World(tmp_path / "other", month, instance)
        other.make_clusters(*random.Random(3).sample(sorted(month), len(month)))  # noqa: S311 - an order, not a secret
        other.trace()

    assert (world.folder / "lineage.parquet").read_bytes() == (other.folder / "lineage.parquet").read_bytes()


def test_metadata_tells_what_happened_and_with_what_overlap(world, month):
    world.make_clusters(*month)

    metadata = world.trace()

    assert {row.data["event"]: row.data["count"] for row in metadata["events"].records} == {
        "born": 4,
        "continued": 14,
        "merged": 1,
    }
    merged, born = (row.data for row in metadata["happened"].records)
    assert (merged["day"], merged["event"], merged["persona"], merged["other"]) == (
        "2025-03-04",
        "merged",
        "2",
        "1",
    )
    assert 0.3 < float(merged["overlap"]) < 1
    assert (born["day"], born["event"], born["persona"]) == ("2025-03-04", "born", "3")
    assert [row.data["persona"] for row in metadata["last_day"].records] == ["0", "1", "3"]
    assert metadata["sizes"].value.startswith("![users of each persona by day](data:image/png")
    assert metadata["missing_days"].value == "none"
    assert metadata["days"].value == 6
    assert metadata["dagster/row_count"].value == 19


def test_a_day_that_is_added_leaves_the_numbers_of_earlier_days_alone(world, month):
    *earlier, last = sorted(month)
    world.make_clusters(*earlier)
    world.trace()
    before = world.rows()

    world.make_clusters(last)
    world.trace()

    assert world.rows()[: len(before)] == before
    assert {f"{row['day']}" for row in world.rows()[len(before) :]} == {last}


def test_a_hole_is_bridged_and_said(world):
    world.make_clusters("2025-03-02", "2025-03-05")

    metadata = world.trace()

    assert metadata["missing_days"].value == "2025-03-03, 2025-03-04"
    assert [row["event"] for row in world.rows()] == ["born"] * 3 + ["continued", "continued", "merged", "born"]


def test_without_any_clusters_the_error_says_so(world):
    with pytest.raises(MissingPartitionError, match="clusters has not been materialized for any day"):
        world.trace()


def test_clusters_without_their_centres_are_not_whole(world):
    world.make_clusters("2025-03-01")
    (world.folder / "cluster_centres" / "2025-03-01.parquet").unlink()

    with pytest.raises(StorageError, match="materialize this partition again"):
        world.trace()


def test_a_backfill_of_some_days_makes_those_days_and_lineage_once(world):
    graph = world.graph.resolve_asset_graph()
    days = ["2025-03-02", "2025-03-03"]

    planned = AssetBackfillData.from_asset_partitions(
        asset_graph=graph,
        partition_names=days,
        asset_selection=[dg.AssetKey("clusters"), dg.AssetKey("lineage")],
        dynamic_partitions_store=world.instance,
        backfill_start_timestamp=dt.datetime(2025, 4, 1, tzinfo=dt.UTC).timestamp(),
        all_partitions=False,
    ).target_subset

    made = [(found.asset_key.to_user_string(), found.partition_key) for found in planned.iterate_asset_partitions()]
    assert sorted(made) == [("clusters", day) for day in days] + [("lineage", None)]


def test_the_run_of_a_day_may_trace_too(world):
    job = world.graph.resolve_implicit_global_asset_job_def()

    for day in ("2025-03-01", "2025-03-02"):
        job.execute_in_process(instance=world.instance, partition_key=day)

    assert {f"{row['day']}" for row in world.rows()} == {"2025-03-01", "2025-03-02"}


def test_a_day_between_that_is_missing_is_a_warning(world, month):
    first, second, third, *_ = sorted(month)

    def check():
        job = world.graph.resolve_implicit_global_asset_job_def()
        done = job.execute_in_process(instance=world.instance, asset_selection=[dg.AssetKey("lineage")])
        (found,) = done.get_asset_check_evaluations()
        return found.passed, found.severity

    world.make_clusters(first, third)
    assert check() == (False, dg.AssetCheckSeverity.WARN)
    world.make_clusters(second)
    assert check()[0]
