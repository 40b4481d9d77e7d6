"""Clusters are named as their personas, or by cluster where lineage does not know all."""

import datetime as dt

import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from persona_assets.assets.dataset.personas import build_system_message, find_personas
from persona_assets.assets.persona_labels.carry_names import PERSONA_LABELS
from persona_assets.errors import StorageError
from persona_assets_tests.assets.dataset.builders import persona_of

DAY = dt.date(2025, 3, 2)


def labels(*personas, day=DAY):
    rows = [
        {
            "day": day,
            "cluster_id": cluster,
            "persona_id": persona,
            "name": f"name {cluster}",
            "description": "They write.",
            "phrases": ["a phrase"] * 20,
            "named_on": day,
            "method": "phrases",
            "users": 3,
        }
        for cluster, persona in enumerate(personas)
    ]
    return pads.dataset(pa.Table.from_pylist(rows, schema=PERSONA_LABELS))


def test_personas_have_the_number_that_lineage_gives():
    found = find_personas(labels(7, 3), DAY, {0: 3, 1: 3})

    assert [(one.cluster_id, one.key) for one in found] == [(0, "persona_7"), (1, "persona_3")]
    assert len(found[0].phrases) == 8


def test_a_cluster_whose_users_are_not_all_in_files_has_its_name():
    assert [one.name for one in find_personas(labels(7, 3), DAY, {0: 2})] == ["name 0", "name 1"]


def test_all_are_numbered_by_cluster_if_lineage_lacks_one():
    found = find_personas(labels(7, None), DAY, {0: 3, 1: 3})

    assert [one.key for one in found] == ["persona_0", "persona_1"]


@pytest.mark.parametrize("users", [{0: 3, 2: 1}, {0: 3, 1: 4}])
def test_labels_of_other_clusters_are_an_error(users):
    with pytest.raises(StorageError, match="materialize lineage and persona_labels"):
        find_personas(labels(7, 3), DAY, users)


def test_the_card_names_the_persona_and_how_to_answer():
    card = build_system_message(persona_of(0), acts="json")

    assert "name 0" in card
    assert "one, two" in card
    assert '{"actions": {"like": true}}' in card
    assert "[like]" in build_system_message(persona_of(0), acts="text")
