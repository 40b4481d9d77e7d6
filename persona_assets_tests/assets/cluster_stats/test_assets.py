"""The asset: every field of its run config has an effect, and its metadata has no texts of posts."""

import datetime as dt
import io
import json

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest
from upath import UPath

from persona_assets.assets.cluster_stats import assets
from persona_assets.assets.cluster_stats.assets import ClusterStatsConfig, build_cluster_stats
from persona_assets.assets.cluster_stats.summarise import summarise_clusters
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.scratch import Scratch
from persona_assets.errors import MemoryLimitError
from persona_assets.io_managers.parquet_tables import DatasetWithSideTables
from persona_assets.io_managers.persona_files import SMALL_TABLES, ClusterFolder
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets.post_vectors import user_vectors
from persona_assets_tests.assets.cluster_stats.builders import (
    certainty_of,
    dataset,
    labels_of,
    lineage_of,
    side_tables,
    window,
)
from persona_assets_tests.checked import find_failed


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """The data folder, where the map of the day before would be."""
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def folder(tmp_path):
    for name, table in zip(SMALL_TABLES, side_tables(), strict=True):
        write_parquet(tmp_path / f"{name}.parquet", table.schema, [table])
    users = {row["user_id"]: row["cluster_id"] for row in window()[2].to_pylist()}
    (tmp_path / "user_clusters.json").write_text(json.dumps(users))
    for cluster in set(users.values()):
        lines = [json.dumps([{"user_id": user, "text": "hi"}]) for user in users if users[user] == cluster]
        (tmp_path / f"cluster_{cluster}.jsonl").write_text("\n".join(lines))
    return ClusterFolder(UPath(tmp_path))


NAMES = [(0, 4, "garden", 8), (1, 2, "engine", 7), (2, None, "opera", 6)]


def materialize(folder, *, names=NAMES, history=(), **config):
    posts, vectors, clusters = window()
    asset = build_cluster_stats(daily_partitions(dt.date(2025, 3, 1)), trailing_window(7))
    with dg.build_asset_context(partition_key="2025-03-02", resources={"scratch": Scratch()}) as context:
        return asset(
            context,
            ClusterStatsConfig(**config),
            cluster_jsonl=folder,
            clusters=DatasetWithSideTables(dataset(clusters), {"cluster_certainty": dataset(certainty_of(clusters))}),
            english_posts=dataset(posts),
            embeddings=dataset(vectors),
            lineage=dataset(lineage_of(history)),
            persona_labels=dataset(labels_of({dt.date(2025, 3, 2): names})),
        )


def test_the_metadata_shows_personas_and_sizes_without_posts_or_ids(folder):
    result = materialize(folder)

    assert "stats.json" in result.value
    assert result.metadata["personas"].records[0].data["users"] == 8
    assert "report" not in result.metadata
    assert result.metadata["cluster_sizes"].value.startswith("![users of each cluster](data:image/png;base64,")
    assert len(result.metadata["cluster_sizes"].value) < 100_000
    assert result.metadata["actions_without_persona"] == 2
    assert set(result.metadata) >= {"seconds", "peak_memory_mib"}
    assert "did:plc" not in str(result.metadata)


def test_the_metadata_links_the_report_and_shows_the_map_if_reports_are_served(folder, monkeypatch):
    monkeypatch.setenv("PERSONA_REPORTS_URL", "http://127.0.0.1:3001")

    metadata = materialize(folder).metadata

    assert metadata["report"].value == "http://127.0.0.1:3001/2025-03-02/report.html"
    assert metadata["map"].value == (
        "[![users by cluster](http://127.0.0.1:3001/2025-03-02/map_small.png)]"
        "(http://127.0.0.1:3001/2025-03-02/report.html)"
    )


def test_show_posts_decides_whether_posts_are_in_the_files(folder):
    assert b'"text"' in materialize(folder, show_posts=True).value["stats.json"]
    assert b'"text"' not in materialize(folder, show_posts=False).value["stats.json"]


def test_the_seed_changes_the_topics(folder):
    one, other = (materialize(folder, seed=seed).value["stats.json"] for seed in (0, 1))

    assert one != other


def test_stop_words_follow_the_language(folder):
    english, other = (json.loads(materialize(folder, language=of).value["stats.json"]) for of in ("en", "de"))

    assert english["clusters"] == other["clusters"]  # each cluster has words of its own only
    with pytest.raises(ValueError, match="language"):
        ClusterStatsConfig(language="German")


def test_the_memory_limit_is_used(folder):
    with pytest.raises(duckdb.Error, match="Memory value out of range"):
        materialize(folder, memory_limit="99999999999999999999TB")


def test_a_window_with_too_many_users_for_the_limit_is_refused_before_the_work(folder, monkeypatch):
    monkeypatch.setattr(user_vectors, "BYTES_PER_USER", 1_000_000_000)
    monkeypatch.setattr(assets, "find_left_out", None)  # cannot be called

    with pytest.raises(MemoryLimitError, match=r"21\.0 GB for the 21 users of the window, .* to 28\.0GB"):
        materialize(folder, memory_limit="4GB")


def test_correct_files_pass_all_checks(folder):
    checks = materialize(folder).check_results

    assert (len(checks), find_failed(checks)) == (3, {})


@pytest.mark.parametrize(("line", "numbers"), [("[", (1, 0)), ('[{"user_id":"someone else"}]', (0, 1))])
def test_lines_that_do_not_parse_or_match_are_an_error(folder, line, numbers):
    with (folder.path / "cluster_0.jsonl").open("a") as file:
        file.write(f"\n{line}")

    checks = materialize(folder).check_results

    assert find_failed(checks) == {"lines_parse_and_match_their_cluster": dg.AssetCheckSeverity.ERROR}
    (found,) = [check.metadata for check in checks if not check.passed]
    assert (found["unreadable"].value, found["of_no_member"].value) == numbers


def test_users_that_are_not_counted_are_an_error(folder, monkeypatch):
    def lose_one(*given, **how):
        summary = summarise_clusters(*given, **how)
        first, *others = summary.clusters
        return summary._replace(clusters=[first._replace(counts={**first.counts, "users": 0}), *others])

    monkeypatch.setattr("persona_assets.assets.cluster_stats.assets.summarise_clusters", lose_one)

    assert find_failed(materialize(folder).check_results) == {
        "every_user_is_accounted_for": dg.AssetCheckSeverity.ERROR,
        "names_are_of_these_clusters": dg.AssetCheckSeverity.WARN,
    }


def test_names_and_numbers_of_personas_are_in_every_file(folder):
    result = materialize(folder)

    stats = json.loads(result.value["stats.json"])
    assert [(one["persona_id"], one["label"], one["phrases"]) for one in stats["clusters"]] == [
        (4, "garden", ["garden"]),
        (2, "engine", ["engine"]),
        (None, "opera", ["opera"]),
    ]
    table = pq.read_table(io.BytesIO(result.value["cluster_stats.parquet"]))
    assert table["persona_id"].to_pylist() == [4, 2, None]
    assert table["label"].to_pylist() == ["garden", "engine", "opera"]
    assert b"About garden." in result.value["report.html"]
    assert b"garden" in result.value["report.md"]


def test_names_of_other_clusters_are_not_used_and_are_a_warning(folder):
    result = materialize(folder, names=[(0, 4, "garden", 9)])

    assert set(find_failed(result.check_results)) == {"names_are_of_these_clusters"}
    stats = json.loads(result.value["stats.json"])
    assert [one["persona_id"] for one in stats["clusters"]] == [None] * 3
    assert "garden" not in {one["label"] for one in stats["clusters"]}
