"""The asset `lineage` in a graph: days in any order, missing days, backfills."""

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
    """The clusters of six days; on the fourth day two personas merge and a new one begins."""
    days, people = {}, Month()
    for name, users in (("bread", 80), ("trains", 60), ("chess", 40)):
        people.add(name, users)
    for number in range(1, 7):
        if number == 4:
            people.merge("chess", into="trains")
            people.add("comets", 50)
        days[f"{date_of(number)}"] = people.next_day(number)[0]
    return days


class Graph:
    """A Dagster graph of planted `clusters` and `lineage`, with its storage and instance."""

    def __init__(self, folder, month, instance):
        @dg.asset(partitions_def=DAYS)
        def clusters(context):
            main, centres = tables_of(month[context.partition_key])
            return dg.MaterializeResult(value=WithSideTables(main=main, side_tables={"cluster_centres": centres}))

        self.folder, self.instance = folder, instance
        self.definitions = dg.Definitions(
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
        job = self.definitions.resolve_implicit_global_asset_job_def()
        done = job.execute_in_process(instance=self.instance, asset_selection=[dg.AssetKey(asset)], **partition)
        return done.asset_materializations_for_node(asset)[0]


@pytest.fixture
def graph(tmp_path, month):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Graph(tmp_path / "world", month, instance)


def test_days_made_in_any_order_give_the_same_bytes(graph, month, tmp_path):
    graph.make_clusters(*sorted(month))
    graph.trace()
    with dg.DagsterInstance.ephemeral() as instance:
        other = Graph(tmp_path / "other", month, instance)
        other.make_clusters(*random.Random(3).sample(sorted(month), len(month)))  # noqa: S311 - an order, not a secret
        other.trace()

    assert (graph.folder / "lineage.parquet").read_bytes() == (other.folder / "lineage.parquet").read_bytes()


def test_metadata_lists_events_with_their_overlap(graph, month):
    graph.make_clusters(*month)

    metadata = graph.trace()

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


def test_adding_a_day_does_not_change_the_rows_of_earlier_days(graph, month):
    *earlier, last = sorted(month)
    graph.make_clusters(*earlier)
    graph.trace()
    before = graph.rows()

    graph.make_clusters(last)
    graph.trace()

    assert graph.rows()[: len(before)] == before
    assert {f"{row['day']}" for row in graph.rows()[len(before) :]} == {last}


def test_days_are_matched_across_missing_days_which_the_metadata_lists(graph):
    graph.make_clusters("2025-03-02", "2025-03-05")

    metadata = graph.trace()

    assert metadata["missing_days"].value == "2025-03-03, 2025-03-04"
    assert [row["event"] for row in graph.rows()] == ["born"] * 3 + ["continued", "continued", "merged", "born"]


def test_no_day_with_clusters_is_an_error_that_says_so(graph):
    with pytest.raises(MissingPartitionError, match="clusters has not been materialized for any day"):
        graph.trace()


def test_a_day_without_centres_is_an_error(graph):
    graph.make_clusters("2025-03-01")
    (graph.folder / "cluster_centres" / "2025-03-01.parquet").unlink()

    with pytest.raises(StorageError, match="materialize this partition again"):
        graph.trace()


def test_a_backfill_of_some_days_materializes_those_days_and_lineage_once(graph):
    asset_graph = graph.definitions.resolve_asset_graph()
    days = ["2025-03-02", "2025-03-03"]

    planned = AssetBackfillData.from_asset_partitions(
        asset_graph=asset_graph,
        partition_names=days,
        asset_selection=[dg.AssetKey("clusters"), dg.AssetKey("lineage")],
        dynamic_partitions_store=graph.instance,
        backfill_start_timestamp=dt.datetime(2025, 4, 1, tzinfo=dt.UTC).timestamp(),
        all_partitions=False,
    ).target_subset

    made = [(found.asset_key.to_user_string(), found.partition_key) for found in planned.iterate_asset_partitions()]
    assert sorted(made) == [("clusters", day) for day in days] + [("lineage", None)]


def test_a_run_of_one_day_can_include_lineage(graph):
    job = graph.definitions.resolve_implicit_global_asset_job_def()

    for day in ("2025-03-01", "2025-03-02"):
        job.execute_in_process(instance=graph.instance, partition_key=day)

    assert {f"{row['day']}" for row in graph.rows()} == {"2025-03-01", "2025-03-02"}


def test_a_missing_day_is_a_warning(graph, month):
    first, second, third, *_ = sorted(month)

    def check():
        job = graph.definitions.resolve_implicit_global_asset_job_def()
        done = job.execute_in_process(instance=graph.instance, asset_selection=[dg.AssetKey("lineage")])
        (found,) = done.get_asset_check_evaluations()
        return found.passed, found.severity

    graph.make_clusters(first, third)
    assert check() == (False, dg.AssetCheckSeverity.WARN)
    graph.make_clusters(second)
    assert check()[0]
