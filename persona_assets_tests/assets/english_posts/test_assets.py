"""The asset `english_posts`: its run config chooses the language, and its metadata contains no texts."""

import datetime as dt

import dagster as dg
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.english_posts.assets import EnglishPostsConfig, build_english_posts
from persona_assets.assets.english_posts.filter import filter_posts
from persona_assets.common.scratch import Scratch
from persona_assets.partitions import daily_partitions
from persona_assets_tests.assets.english_posts.builders import ENGLISH, GERMAN, actions, message


def materialize(**config):
    asset = build_english_posts(daily_partitions(dt.date(2025, 3, 1)))
    day = actions([message(ENGLISH, n=0), message(GERMAN, n=1), message(None, n=2), message(None, n=3, action="like")])
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_asset_context(partition_key="2025-03-02", instance=instance) as context,
        dg.build_resources({"scratch": Scratch()}, instance=instance) as run,
    ):
        result = asset(context, EnglishPostsConfig(**config), scratch=run.scratch, user_actions=day)
        (check,) = result.check_results
        return pq.read_table(result.value)["text"].to_pylist(), result.metadata, check


def test_english_posts_are_kept_and_others_counted_by_reason():
    texts, metadata, check = materialize()

    assert texts == [ENGLISH]
    assert [row.data for row in metadata["dropped"].records] == [
        {"reason": "no_words", "count": 1},
        {"reason": "other_detected", "count": 1},
    ]
    assert [row.data for row in metadata["kept"].records] == [{"reason": "detected", "count": 1}]
    assert set(metadata) >= {"language", "seconds", "peak_memory_mib"}
    assert ENGLISH not in str(metadata)
    assert "did:plc" not in str(metadata)
    assert check.passed


def test_messages_that_are_lost_fail_the_check_with_an_error(monkeypatch: pytest.MonkeyPatch):
    def lose_one(*given, **how):
        return filter_posts(*given, **how)._replace(dropped={"no_words": 1})

    monkeypatch.setattr("persona_assets.assets.english_posts.assets.filter_posts", lose_one)

    _, _, check = materialize()

    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_the_setting_language_chooses_another_language():
    texts, metadata, _ = materialize(language="de")

    assert texts == [GERMAN]
    assert metadata["language"] == "de"


def test_a_setting_is_the_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PERSONA_LANGUAGE", "fr")
    monkeypatch.setenv("PERSONA_MEMORY_LIMIT", "1GB")

    assert EnglishPostsConfig().language == "fr"
    assert EnglishPostsConfig().memory_limit == "1GB"
