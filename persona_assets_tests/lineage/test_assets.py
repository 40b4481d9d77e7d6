"""The asset in a graph: any order of days, holes, and what Dagster calls stale."""

import random

import dagster as dg
import pyarrow.dataset as pads
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from persona_assets.errors import MissingPartitionError, StorageError
from persona_assets.io_managers.parquet import ParquetIOManager, WithSides
from persona_assets.lineage.assets import build_lineage
from persona_assets.partitions import all_days_until, daily_partitions
from persona_assets_tests.lineage.builders import FIRST, Month, date_of, tables_of

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
            return dg.MaterializeResult(value=WithSides(main=main, sides={"centres": centres}))

        self.folder, self.instance = folder, instance
        self.graph = dg.Definitions(
            assets=[clusters, build_lineage(DAYS, all_days_until())],
            resources={"io_manager": ParquetIOManager(base=str(folder))},
        )

    def make(self, asset, day):
        job = self.graph.resolve_implicit_global_asset_job_def()
        done = job.execute_in_process(partition_key=day, instance=self.instance, asset_selection=[dg.AssetKey(asset)])
        return done.asset_materializations_for_node(asset)[0].metadata

    def files(self):
        files = (self.folder / "lineage").rglob("*.parquet")
        return {file.relative_to(self.folder): file.read_bytes() for file in files}

    def stale(self, day):
        resolver = CachingStaleStatusResolver(
            instance=self.instance,
            asset_graph=self.graph.resolve_asset_graph(),
            loading_context=LoadingContextForTest(self.instance),
        )
        return resolver.get_status(dg.AssetKey("lineage"), day) == StaleStatus.STALE


@pytest.fixture
def world(tmp_path, month):
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(tmp_path / "world", month, instance)


def test_days_made_in_any_order_give_the_same_bytes(world, month, tmp_path):
    for day in month:
        world.make("clusters", day)
        world.make("lineage", day)
    with dg.DagsterInstance.ephemeral() as instance:
        other = World(tmp_path / "other", month, instance)
        shuffled = random.Random(3).sample(sorted(month), len(month))  # noqa: S311 - an order, not a secret
        for asset in ("clusters", "lineage"):
            for day in shuffled:
                other.make(asset, day)

    assert len(world.files()) == 12
    assert world.files() == other.files()


def test_metadata_tells_what_happened_and_with_what_overlap(world, month):
    for day in month:
        world.make("clusters", day)

    metadata = world.make("lineage", "2025-03-04")

    assert {row.data["event"]: row.data["count"] for row in metadata["events"].records} == {
        "continued": 2,
        "born": 1,
        "merged": 1,
    }
    (merged,) = [row.data for row in metadata["history"].records if row.data["event"] == "merged"]
    assert (merged["day"], merged["persona_id"], merged["related_persona_id"]) == ("2025-03-04", "2", "1")
    assert 0.3 < float(merged["overlap"]) < 1
    assert metadata["sizes"].value.startswith("![users of each persona by day](data:image/png")
    assert metadata["missing_days"].value == "none"
    assert metadata["days"].value == 4


def test_one_partition_tells_the_whole_story_and_the_folder_reads_as_one_table(world, month):
    for asset in ("clusters", "lineage"):
        for day in month:
            world.make(asset, day)

    folder = world.folder / "lineage"
    history = pads.dataset(folder / "_history" / "2025-03-06.parquet").to_table().to_pylist()
    together = pads.dataset([str(file) for file in sorted(folder.glob("*.parquet"))]).to_table().to_pylist()
    assert history == together


def test_a_hole_that_is_filled_makes_later_days_stale(world):
    for day in ("2025-03-01", "2025-03-03"):
        world.make("clusters", day)
        world.make("lineage", day)
    assert not world.stale("2025-03-03")

    world.make("clusters", "2025-03-02")

    assert world.stale("2025-03-03")
    assert not world.stale("2025-03-01")


def test_a_hole_is_said(world):
    for day in ("2025-03-01", "2025-03-05"):
        world.make("clusters", day)

    metadata = world.make("lineage", "2025-03-05")

    assert metadata["missing_days"].value == "2025-03-02, 2025-03-03, 2025-03-04"
    assert {row.data["event"] for row in metadata["events"].records} == {"continued", "born", "merged"}


def test_the_day_itself_must_have_clusters(world):
    world.make("clusters", "2025-03-01")

    with pytest.raises(MissingPartitionError, match="clusters has not been materialized for 2025-03-02"):
        world.make("lineage", "2025-03-02")


def test_clusters_without_their_centres_are_not_whole(world):
    world.make("clusters", "2025-03-01")
    (world.folder / "clusters" / "_centres" / "2025-03-01.parquet").unlink()

    with pytest.raises(StorageError, match="materialize this partition again"):
        world.make("lineage", "2025-03-01")


def test_a_day_made_again_makes_the_lineage_of_later_days_stale_and_of_earlier_ones_not(world, month):
    for asset in ("clusters", "lineage"):
        for day in month:
            world.make(asset, day)
    assert not any(world.stale(day) for day in month)

    world.make("clusters", "2025-03-03")

    assert [world.stale(day) for day in sorted(month)] == [False, False, True, True, True, True]
