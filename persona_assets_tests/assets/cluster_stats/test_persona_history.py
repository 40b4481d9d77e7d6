"""What is new since the day before, and the sizes of personas over the days."""

import datetime as dt

from persona_assets.assets.cluster_stats.persona_history import MAX_BANDS, find_persona_history
from persona_assets_tests.assets.cluster_stats.builders import labels_of, lineage_of

ONE, TWO, THREE = (dt.date(2025, 3, day) for day in (1, 2, 3))
FIRST = [(ONE, persona, "born", persona, users, None, None) for persona, users in enumerate((50, 40, 30, 20))]
SECOND = [
    (TWO, 0, "continued", 0, 70, None, ONE),
    (TWO, 1, "continued", 1, 30, None, ONE),
    (TWO, 2, "merged", None, 0, 0, ONE),
    (TWO, 3, "gone", None, 0, None, ONE),
    (TWO, 4, "split", 2, 12, 1, ONE),
    (TWO, 5, "born", 3, 9, None, ONE),
]
LABELS = labels_of({
    ONE: [(number, number, name, 1) for number, name in enumerate("abcd")],
    TWO: [(0, 0, "a", 1), (1, 1, "b", 1), (2, 4, "e", 1), (3, 5, "f", 1)],
})  # fmt: skip


def test_each_change_has_its_kind_names_and_sizes():
    history = find_persona_history(lineage_of(FIRST + SECOND), LABELS, TWO)

    assert history.previous_day == ONE
    assert [tuple(change) for change in history.changes] == [
        ("born", 5, "f", 0, 9, None),
        ("split", 4, "e", 0, 12, "b"),
        ("grew", 0, "a", 50, 70, None),
        ("shrank", 1, "b", 40, 30, None),
        ("merged", 2, "c", 30, 0, "a"),
        ("gone", 3, "d", 20, 0, None),
    ]


def test_a_persona_that_stays_about_as_large_is_no_change():
    rows = [(ONE, 0, "born", 0, 100, None, None), (TWO, 0, "continued", 0, 119, None, ONE)]
    few = [(ONE, 0, "born", 0, 4, None, None), (TWO, 0, "continued", 0, 8, None, ONE)]

    assert find_persona_history(lineage_of(rows), LABELS, TWO).changes == []
    assert find_persona_history(lineage_of(few), LABELS, TWO).changes == []


def test_on_the_first_day_nothing_is_new():
    history = find_persona_history(lineage_of(FIRST), LABELS, ONE)

    assert (history.previous_day, history.changes, history.days) == (None, [], [ONE])


def test_a_later_day_changes_nothing_and_an_unknown_one_has_no_history():
    later = [(THREE, 0, "continued", 0, 900, None, TWO)]

    assert find_persona_history(lineage_of(FIRST + SECOND + later), LABELS, TWO) == find_persona_history(
        lineage_of(FIRST + SECOND), LABELS, TWO
    )
    assert find_persona_history(lineage_of(FIRST), LABELS, TWO) is None


def test_sizes_add_up_and_small_personas_are_one_band():
    rows = [(ONE, persona, "born", persona, 100 - persona, None, None) for persona in range(MAX_BANDS + 5)]

    bands = find_persona_history(lineage_of(rows), LABELS, ONE).bands

    assert [band.persona_id for band in bands] == [*range(MAX_BANDS), None]
    assert bands[-1].name == "5 others"
    assert sum(band.users[0] for band in bands) == sum(row[4] for row in rows)
