"""The asset `english_users`: its defaults, its window, what it says it dropped."""

import datetime as dt

import dagster as dg
import pyarrow as pa
import pytest

from persona_assets import tables
from persona_assets.english_users.assets import EnglishUsersConfig, build_english_users
from persona_assets.io_managers.parquet import ParquetIOManager
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets.scratch import Scratch

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
