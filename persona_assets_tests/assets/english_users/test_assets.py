"""The asset `english_users`: its defaults, its window, its checks and the counts of dropped users."""

import datetime as dt

import dagster as dg
import pyarrow as pa
import pytest

from persona_assets import tables
from persona_assets.assets.english_users.assets import EnglishUsersConfig, build_english_users
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets_tests.checked import find_failed

DAYS = daily_partitions(dt.date(2025, 3, 1))


@dg.asset(partitions_def=DAYS)
def user_actions(context):
    """One post a day by user "a"."""
    row = {"user_id": "a", "action": "post", "event_time_us": 0, "uri": f"at://a/post/{context.partition_key}"}
    return dg.MaterializeResult(value=pa.Table.from_pylist([row], schema=tables.USER_ACTIONS))


@dg.asset(partitions_def=DAYS)
def english_posts(context):
    """The same post, in English."""
    row = {
        "user_id": "a",
        "action": "post",
        "event_time_us": 0,
        "uri": f"at://a/post/{context.partition_key}",
        "text": "hello",
        "is_english": True,
        "language_reason": "declared",
    }
    return dg.MaterializeResult(value=pa.Table.from_pylist([row], schema=tables.ENGLISH_POSTS))


@pytest.mark.parametrize(("window_days", "kept"), [(1, 0), (2, 1)])
def test_posts_of_all_days_of_the_window_count(tmp_path, window_days, kept):
    asset = build_english_users(DAYS, trailing_window(window_days))
    resources = {"io_manager": ParquetIOManager(base=str(tmp_path)), "scratch": Scratch()}
    for day in ("2025-03-01", "2025-03-02"):
        result = dg.materialize([user_actions, english_posts, asset], partition_key=day, resources=resources)

    (event,) = result.asset_materializations_for_node("english_users")
    assert event.metadata["dagster/partition_row_count"].value == kept
    dropped = [record.data for record in event.metadata["dropped"].records]
    assert dropped == ([] if kept else [{"reason": "1 of 2 English posts", "count": 1}])
    assert event.metadata["window_days"].value == window_days


def test_the_default_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("PERSONA_MIN_ENGLISH_POSTS", "5")

    assert EnglishUsersConfig().min_english_posts == 5


def make_users(folder, given, *, day, prepared):
    """Materialize the inputs of the days `prepared`, then `english_users` of the four days that end with `day`."""
    asset = build_english_users(DAYS, trailing_window(4))
    resources = {"io_manager": ParquetIOManager(base=str(folder)), "scratch": Scratch()}
    for before in prepared:
        dg.materialize(given, partition_key=before, resources=resources)
    return dg.materialize([*given, asset], partition_key=day, resources=resources, raise_on_error=False)


def test_a_missing_day_in_the_window_is_a_warning(tmp_path):
    result = make_users(tmp_path, [user_actions, english_posts], day="2025-03-03", prepared=["2025-03-01"])

    assert result.success
    assert find_failed(result.get_asset_check_evaluations()) == {"the_window_is_complete": dg.AssetCheckSeverity.WARN}


def test_a_day_with_an_unusual_share_of_english_is_a_warning(tmp_path):
    @dg.asset(name="english_posts", partitions_def=DAYS)
    def english_but_for_the_4th(context):
        table = english_posts(dg.build_asset_context(partition_key=context.partition_key)).value
        return dg.MaterializeResult(value=table.slice(0, 0 if context.partition_key == "2025-03-04" else 1))

    days = ["2025-03-01", "2025-03-02", "2025-03-03"]
    result = make_users(tmp_path, [user_actions, english_but_for_the_4th], day="2025-03-04", prepared=days)

    assert result.success
    assert find_failed(result.get_asset_check_evaluations()) == {
        "the_share_of_english_is_usual": dg.AssetCheckSeverity.WARN
    }


def test_more_english_posts_than_posts_are_an_error(tmp_path):
    @dg.asset(name="english_posts", partitions_def=DAYS)
    def three_posts(context):
        table = english_posts(dg.build_asset_context(partition_key=context.partition_key)).value
        uris = pa.array([f"{n}" for n in range(3)])
        return dg.MaterializeResult(value=pa.concat_tables([table] * 3).set_column(0, table.schema.field(0), uris))

    result = make_users(tmp_path, [user_actions, three_posts], day="2025-03-01", prepared=[])

    assert find_failed(result.get_asset_check_evaluations()) == {
        "no_user_has_more_english_posts_than_posts": dg.AssetCheckSeverity.ERROR
    }
