"""The persona of each cluster, or None if the labels are of other clusters."""

import datetime as dt

import pyarrow.dataset as pads
import pytest

from persona_assets.assets.cluster_stats.identities import PersonaIdentity, find_cluster_identities
from persona_assets_tests.assets.cluster_stats.builders import labels_of

DAY = dt.date(2025, 3, 2)


def test_the_personas_of_a_day_are_sorted_by_cluster_number():
    labels = labels_of({DAY: [(1, 7, "b", 5), (0, 3, "a", 9)], dt.date(2025, 3, 1): [(0, 7, "b", 9)]})

    assert find_cluster_identities(pads.dataset(labels), DAY, [9, 5]) == [
        PersonaIdentity(3, "a", "About a.", ["a"]),
        PersonaIdentity(7, "b", "About b.", ["b"]),
    ]


@pytest.mark.parametrize("users", [[9, 6], [9], [9, 5, 1], []])
def test_labels_of_other_clusters_are_none(users):
    labels = labels_of({DAY: [(0, 3, "a", 9), (1, 7, "b", 5)]})

    assert find_cluster_identities(pads.dataset(labels), DAY, users) is None


def test_a_cluster_without_a_persona_id_has_its_name():
    labels = labels_of({DAY: [(0, None, "a", 9)]})

    assert find_cluster_identities(pads.dataset(labels), DAY, [9]) == [PersonaIdentity(None, "a", "About a.", ["a"])]
