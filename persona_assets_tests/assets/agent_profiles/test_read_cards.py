import datetime as dt

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.agent_profiles.read_cards import make_unnamed_cards, read_cards
from persona_assets_tests.assets.agent_profiles.builders import clusters_of

DAY = dt.date(2025, 3, 1)


def labels_of(*users, day=DAY):
    return pads.dataset(
        pa.table(
            {
                "day": pa.array([day] * len(users), pa.date32()),
                "cluster_id": pa.array(range(len(users)), pa.int32()),
                "users": users,
                "persona_id": pa.array([7 + number for number in range(len(users))], pa.int32()),
                "name": [f"name {number}" for number in range(len(users))],
                "description": [""] * len(users),
                "phrases": [["a", "b"]] * len(users),
            }
        )
    )


def test_cards_are_those_of_the_day():
    cards = read_cards(labels_of(3, 2), clusters_of(3, 2), DAY)

    assert cards[1] == (8, "name 1", "", ("a", "b"))


def test_labels_of_other_clusters_or_days_are_not_taken():
    assert read_cards(labels_of(3, 2), clusters_of(4, 1), DAY) is None
    assert read_cards(labels_of(3, 2, day=dt.date(2025, 3, 2)), clusters_of(3, 2), DAY) is None


def test_without_labels_cards_have_numbers_alone():
    assert make_unnamed_cards(clusters_of(2, 1)) == {0: (None, "cluster 0", "", ()), 1: (None, "cluster 1", "", ())}
