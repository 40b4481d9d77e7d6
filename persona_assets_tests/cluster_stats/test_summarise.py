"""What each cluster is about, put together."""

import pytest

from persona_assets.cluster_stats.summarise import Inputs, summarise_clusters
from persona_assets_tests.cluster_stats.builders import TALK, beside, dataset, shuffled, window


def summarise(tmp_path, *, order=0):
    posts, vectors, clusters = window()
    inputs = Inputs(*beside(), *(dataset(shuffled(table, order)) for table in (clusters, posts, vectors)))
    return summarise_clusters(inputs, seed=0, memory_limit="200MB", scratch=tmp_path)


def test_every_cluster_is_counted_named_and_shown(tmp_path):
    summary = summarise(tmp_path)

    assert [persona.counts["users"] for persona in summary.personas] == [8, 7, 6]
    for persona, talk in zip(summary.personas, TALK.values(), strict=True):
        assert set(persona.label.split(" · ")) <= set(talk.split())
        assert len(persona.medoids) == 3
        assert all(set(medoid.text.split()) <= set(talk.split()) for medoid in persona.medoids)
        assert len(persona.topics.topics) > 0
    assert summary.personas[0].medians["total"] == 2
    assert summary.personas[0].hours[7] == pytest.approx(2 / 3)
    assert summary.without_persona["like"] == 2
    assert summary.map.positions.shape == (21, 2)


def test_the_order_of_rows_changes_nothing(tmp_path):
    one, other = (summarise(tmp_path, order=order) for order in (1, 2))

    assert one.personas == other.personas
    assert one.map.positions == pytest.approx(other.map.positions, abs=0)
