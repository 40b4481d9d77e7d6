"""The summary of a window: every cluster is complete, and rows may come in any order or twice."""

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.cluster_stats.summarise import ReportInputs, summarise_clusters
from persona_assets_tests.assets.cluster_stats.builders import TALK, shuffled, side_tables, window
from persona_assets_tests.consent.builders import left_out


def summarise(tmp_path, *, order=0, again=()):
    """Summarise a window whose posts at the rows `again` were delivered on a second day too."""
    posts, vectors, clusters = window()
    of_days = [[clusters], *([table, table.take(pa.array(again, pa.int64()))] for table in (posts, vectors))]
    inputs = [
        write_days(tmp_path / f"{number}{order}{len(again)}", [shuffled(day, order) for day in days if len(day)])
        for number, days in enumerate(of_days)
    ]
    return summarise_clusters(
        ReportInputs(*side_tables(), *inputs), language="en", seed=0, memory_limit="200MB", scratch=tmp_path
    )


def write_days(folder, days):
    folder.mkdir()
    for number, day in enumerate(days):
        pq.write_table(day, folder / f"{number}.parquet")
    return pads.dataset(folder)


def test_every_cluster_has_counts_a_label_medoids_and_topics(tmp_path):
    summary = summarise(tmp_path)

    assert [persona.counts["users"] for persona in summary.clusters] == [8, 7, 6]
    for persona, talk in zip(summary.clusters, TALK.values(), strict=True):
        assert set(persona.label.split(" · ")) <= set(talk.split())
        assert len(persona.medoids) == 3
        assert all(set(medoid.text.split()) <= set(talk.split()) for medoid in persona.medoids)
        assert len(persona.topics.topics) > 0
    assert summary.clusters[0].medians["total"] == 2
    assert summary.clusters[0].hours[7] == pytest.approx(2 / 3)
    assert summary.without_persona["like"] == 2
    assert summary.map.positions.shape == (21, 2)


def test_the_order_of_rows_changes_nothing(tmp_path):
    one, other = (summarise(tmp_path, order=order) for order in (1, 2))

    assert one.clusters == other.clusters
    assert one.map.positions == pytest.approx(other.map.positions, abs=0)


def test_posts_delivered_on_two_days_change_nothing(tmp_path):
    one, other = summarise(tmp_path), summarise(tmp_path, again=[*range(0, 20, 2)])

    assert one.clusters == other.clusters
    assert one.similarity == pytest.approx(other.similarity, abs=0)
    assert one.map.positions == pytest.approx(other.map.positions, abs=0)


def test_what_is_left_out_is_not_shown_and_a_cluster_of_such_users_alone_fails_nothing(tmp_path):
    posts, vectors, clusters = window()
    refusing = {
        user: "refuses inference"
        for user, cluster in zip(clusters["user_id"].to_pylist(), clusters["cluster_id"].to_pylist(), strict=True)
        if cluster == 2 or user.endswith("0")
    }
    deleted = posts["uri"].to_pylist()[5:40]
    inputs = [write_days(tmp_path / name, [day]) for name, day in zip("cpv", (clusters, posts, vectors), strict=True)]

    summary = summarise_clusters(
        ReportInputs(*side_tables(), *inputs, left_out(refusing, deleted)),
        language="en",
        seed=0,
        memory_limit="200MB",
        scratch=tmp_path,
    )

    shown = {medoid.uri for cluster in summary.clusters for medoid in cluster.medoids}
    authors = {uri.split("/")[2] for uri in shown}
    assert shown
    assert not shown & set(deleted)
    assert not authors & set(refusing)
    assert not set(summary.map.user_ids) & set(refusing)
    assert [cluster.counts["users"] for cluster in summary.clusters] == [8, 7, 6]
    assert summary.clusters[2].medoids == []
    assert summary.clusters[2].words == []
    assert summary.clusters[2].label == "no common words"
