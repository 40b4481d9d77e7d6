from collections import Counter

import dagster as dg
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.assets.user_actions.assets import build_user_actions
from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.common.columns import require_schema
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.partitions import daily_partitions
from persona_assets_tests.assets.raw_events.builders import DAY
from persona_assets_tests.assets.user_actions.builders import LIKE, POST, commit, table_of


def materialize(events, folder):
    days = daily_partitions(DAY)

    @dg.asset(name="raw_events", partitions_def=days)
    def given():
        return events

    return dg.materialize(
        [given, build_user_actions(days)],
        partition_key=f"{DAY}",
        resources={"io_manager": ParquetIOManager(base=str(folder)), "scratch": Scratch()},
        raise_on_error=False,
    )


def test_the_asset_writes_actions_and_counts_what_it_drops(tmp_path):
    twice = commit(LIKE)
    events = table_of(
        [commit(POST, text="hello"), twice, twice, commit("app.bsky.graph.list"), commit("com.example.thing")]
    )

    result = materialize(events, tmp_path)

    metadata = result.asset_materializations_for_node("user_actions")[0].metadata
    dropped = {record.data["reason"]: record.data["count"] for record in metadata["dropped"].records}
    assert dropped == {"duplicate": 1, "app.bsky.graph.list create": 1, "other collections create": 1}
    assert metadata["events"].value == 5
    rows = pads.dataset(tmp_path / "user_actions" / f"{DAY}.parquet").to_table().to_pylist()
    assert [row["action"] for row in rows] == ["like", "post"]
    assert {row["day"] for row in rows} == {DAY}
    stored = tables.add_day_field(tables.USER_ACTIONS)
    require_schema(pq.read_schema(tmp_path / "user_actions" / f"{DAY}.parquet"), stored, table="user_actions")
    (check,) = result.get_asset_check_evaluations()
    assert check.passed


def test_events_that_are_lost_fail_the_check_with_an_error(tmp_path, monkeypatch):
    def lose_one(*given, **how):
        extract = extract_distinct_actions(*given, **how)
        return extract._replace(actions=extract.actions - Counter(post=1))

    monkeypatch.setattr("persona_assets.assets.user_actions.assets.extract_distinct_actions", lose_one)

    (check,) = materialize(table_of([commit(POST), commit(LIKE)]), tmp_path).get_asset_check_evaluations()

    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert {name: number.value for name, number in check.metadata.items()} == {"events": 2, "actions": 1, "dropped": 0}
