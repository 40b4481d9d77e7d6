"""The files of the report: their names, contents and reproducible bytes."""

import datetime as dt
import io
import json

import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.assets.cluster_stats.medoids import Medoid
from persona_assets.assets.cluster_stats.report_files import CLUSTER_STATS, MAX_POST_CHARACTERS, render_report
from persona_assets.assets.cluster_stats.summarise import ReportInputs, summarise_clusters
from persona_assets_tests.assets.cluster_stats.builders import dataset, side_tables, window

NASTY = '<script>alert("x")</script> | pipe\nand line'


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    posts, vectors, clusters = window()
    posts = posts.set_column(3, posts.schema.field("text"), [[NASTY + text for text in posts["text"].to_pylist()]])
    inputs = ReportInputs(*side_tables(), dataset(clusters), dataset(posts), dataset(vectors))
    return summarise_clusters(
        inputs, language="en", seed=0, memory_limit="200MB", scratch=tmp_path_factory.mktemp("scratch")
    )


def test_all_files_are_written_with_the_same_bytes_every_time(summary):
    one, other = (render_report(summary, day="2025-03-03", show_posts=True) for _ in range(2))

    assert set(one.files) == {
        "stats.json",
        "report.md",
        "report.html",
        "cluster_stats.parquet",
        "cluster_sizes.png",
        "map.png",
        "map.svg",
        "map_positions.parquet",
        "map_small.png",
    }
    assert one == other


def test_stats_have_sorted_keys_and_counts_that_add_up(summary):
    text = render_report(summary, day="2025-03-03", show_posts=True).files["stats.json"].decode()
    stats = json.loads(text)

    assert text == json.dumps(stats, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert stats["day"] == "2025-03-03"
    assert stats["totals"]["users"] == sum(cluster["users"] for cluster in stats["clusters"]) == 21
    assert stats["totals"]["posts"] == 9
    assert stats["without_persona"]["like"] == 2
    assert stats["outcomes"] == {"post": {"written": 9}, "like": {"user in no cluster": 2}}
    assert [cluster["cluster_id"] for cluster in stats["clusters"]] == [0, 1, 2]
    assert set(stats["clusters"][0]) == {
        "cluster_id", "counts", "description", "hours", "label", "medians", "medoids", "nearest", "persona_id",
        "phrases", "share", "topics", "topics_coherence", "topics_note", "users", "words",
    }  # fmt: skip
    assert stats["clusters"][0]["hours"][7] == 0.6667
    assert stats["clusters"][0]["medians"]["posts"] == 1.5


def test_texts_of_posts_appear_only_with_show_posts_and_never_in_the_table_of_personas(summary):
    with_posts, without = (render_report(summary, day="2025-03-03", show_posts=show) for show in (True, False))

    for name in ("stats.json", "report.md", "report.html"):
        assert b"alert(" in with_posts.files[name]
        assert b"alert(" not in without.files[name]
    assert "alert(" not in str(with_posts.largest_personas)


def test_a_text_does_not_break_the_page(summary):
    assert render_report(summary, day="2025-03-03", show_posts=True).files["report.html"].count(b"<script") == 2


def test_a_long_text_is_cut(summary):
    medoid = Medoid("at://a/b/c", 0.5, "x" * 10**6)
    many = summary._replace(clusters=[persona._replace(medoids=[medoid] * 3) for persona in summary.clusters])

    files = render_report(many, day="2025-03-03", show_posts=True).files

    assert ("x" * MAX_POST_CHARACTERS + "…").encode() in files["stats.json"]
    assert max(len(files[name]) for name in ("stats.json", "report.md")) < 100_000


def test_the_nearest_clusters_come_first_and_none_is_near_itself(summary):
    stats = json.loads(render_report(summary, day="2025-03-03", show_posts=False).files["stats.json"])

    for number, cluster in enumerate(stats["clusters"]):
        similarities = [other["similarity"] for other in cluster["nearest"]]
        assert {other["cluster_id"] for other in cluster["nearest"]} == {0, 1, 2} - {number}
        assert similarities == sorted(similarities, reverse=True)
        assert max(similarities) < 0.9


def test_the_parquet_file_has_one_row_for_each_cluster(summary):
    content = render_report(summary, day="2025-03-03", show_posts=True).files["cluster_stats.parquet"]
    table = pq.read_table(io.BytesIO(content))

    assert table.schema.equals(tables.add_day_field(CLUSTER_STATS))
    assert set(table["day"].to_pylist()) == {dt.date(2025, 3, 3)}
    assert table["users"].to_pylist() == [8, 7, 6]
    assert sum(table["share"].to_pylist()) == pytest.approx(1)
