"""A user's own graph with an additional asset, another platform or another language, as in `docs/extend/`."""

import datetime as dt

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from persona_assets import tables
from persona_assets.definitions import STEPS, build_definitions
from persona_assets.settings import read_settings
from persona_assets_tests.assets.embeddings.builders import make_model

DAY = "2025-03-01"
SOURCES = ("raw_events", "consent_records", "consents", "user_actions")
TOPICS = {
    "garden": "The tomatoes and the beans in the garden need water and the roses need pruning this week",
    "chess": "The rook and the bishop win this chess endgame when the king stays in the middle of the board",
}
TOPICS_IN_GERMAN = {
    "garden": "Die Tomaten und die Bohnen im Garten brauchen Wasser und die Rosen muss man diese Woche schneiden",
    "chess": "Der Turm und der Läufer gewinnen dieses Endspiel im Schach, wenn der König in der Mitte bleibt",
}


def make_posts(topics):
    """Two posts of each of twelve users of another platform, as rows of `user_actions`."""
    midnight = int(dt.datetime(2025, 3, 1, tzinfo=dt.UTC).timestamp() * 1_000_000)
    rows = [
        {
            "user_id": f"account:{topic}{user}",
            "action": "post",
            "event_time_us": midnight + 1_000_000 * (100 * user + post),
            "uri": f"https://social.example/{topic}{user}/{post}",
            "text": f"{text}, number {user} of {post}",
        }
        for topic, text in topics.items()
        for user in range(6)
        for post in range(2)
    ]
    return pa.Table.from_pylist(rows, schema=tables.USER_ACTIONS).sort_by([("action", "ascending")])


def build_posts_of_a_platform(shape, topics):
    """A user's own source of `user_actions`."""

    @dg.asset(name="user_actions", partitions_def=shape.days, tags={"stage": "days"})
    def user_actions():
        return make_posts(topics)

    return user_actions


def build_post_lengths(shape):
    """An additional asset, which reads the window."""

    @dg.asset(
        partitions_def=shape.days,
        tags={"stage": "results"},
        ins={"english_posts": dg.AssetIn(partition_mapping=shape.window)},
    )
    def post_lengths(english_posts: pads.Dataset, clusters: pads.Dataset):
        posts = english_posts.to_table(columns=["user_id", "text"]).to_pandas()
        of_users = clusters.to_table(columns=["user_id", "cluster_id"]).to_pandas()
        lengths = posts.assign(characters=posts["text"].str.len()).merge(of_users, on="user_id")
        means = lengths.groupby("cluster_id", as_index=False)["characters"].mean()
        return pa.Table.from_pandas(means, preserve_index=False)

    return post_lengths


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Materialize one day of a graph with these steps, and return the stored table of an asset."""
    settings = {
        "DATA": tmp_path / "data",
        "MODEL": make_model(tmp_path / "model"),
        "DEVICE": "cpu",
        "N_CLUSTERS": 2,
        "MIN_CLUSTER_SIZE": 2,
        "START_DATE": DAY,
        "END_DATE": DAY,
        "LOCK_DIR": tmp_path,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"PERSONA_{name}", f"{value}")

    def materialize(steps, *, job="process_day"):
        definitions = build_definitions(read_settings(), steps=steps)
        with dg.DagsterInstance.ephemeral() as instance:
            result = definitions.resolve_job_def(job).execute_in_process(partition_key=DAY, instance=instance)
        assert result.success
        return tmp_path / "data"

    return materialize


def without_source(topics):
    others = {name: build for name, build in STEPS.items() if name not in SOURCES}
    return {"user_actions": lambda shape: build_posts_of_a_platform(shape, topics), **others}


def test_an_asset_joins_the_jobs_of_its_stage():
    definitions = build_definitions(read_settings({}), steps={**STEPS, "post_lengths": build_post_lengths})

    for job in ("make_personas", "process_day"):
        selected = definitions.resolve_job_def(job).asset_layer.selected_asset_keys
        assert dg.AssetKey("post_lengths") in selected
    assert (
        dg.AssetKey("post_lengths") not in definitions.resolve_job_def("prepare_days").asset_layer.selected_asset_keys
    )


def test_another_platform_and_an_additional_asset_run_in_the_whole_graph(make):
    data = make({**without_source(TOPICS), "post_lengths": build_post_lengths})

    users = pads.dataset(data / "clusters" / f"{DAY}.parquet").to_table().to_pandas()
    topic = users["user_id"].str.extract("account:([a-z]+)")[0]
    assert len(users) == 12
    assert topic.groupby(users["cluster_id"]).nunique().tolist() == [1, 1]
    assert (data / "cluster_jsonl" / DAY / "cluster_0.jsonl").is_file()
    assert (data / "cluster_stats" / DAY / "report.html").is_file()
    lengths = pads.dataset(data / "post_lengths" / f"{DAY}.parquet").to_table()
    assert lengths.column_names == ["cluster_id", "characters", "day"]
    assert lengths.num_rows == 2


def test_without_raw_events_there_is_no_sensor():
    definitions = build_definitions(read_settings({}), steps=without_source(TOPICS))

    assert not definitions.sensors
    assert definitions.schedules


def test_another_language_is_a_setting(make, monkeypatch):
    monkeypatch.setenv("PERSONA_LANGUAGE", "de")

    data = make(without_source(TOPICS_IN_GERMAN))

    posts = pads.dataset(data / "english_posts" / f"{DAY}.parquet").to_table()
    assert posts.num_rows == 24
    assert pads.dataset(data / "clusters" / f"{DAY}.parquet").count_rows() == 12
