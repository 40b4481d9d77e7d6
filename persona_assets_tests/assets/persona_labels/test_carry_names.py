"""Names are unique, stay with their personas, and depend on the evidence alone."""

import datetime as dt
import random
from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.assets.persona_labels.carry_names import (
    PERSONA_LABELS,
    PHRASES,
    SEPARATOR,
    name_personas,
    select_naming_rows,
)
from persona_assets.assets.persona_labels.endpoint_answers import EndpointName
from persona_assets.common.columns import require_schema

FIRST = dt.date(2025, 3, 1)


def date_of(number):
    return FIRST + dt.timedelta(number - 1)


def evidence(day, cluster, phrases, *, users=10, description="They write."):
    """A row of `persona_phrases`; phrases as "cats, dogs"."""
    words = [phrase for phrase in phrases.split(", ") if phrase]
    return {
        "day": date_of(day),
        "cluster_id": cluster,
        "name": SEPARATOR.join(words[:3]),
        "phrases": words,
        "description": description,
        "users": users,
    }


def traced(day, persona, cluster, *, event="continued", users=10):
    """A row of `lineage`; one that ended has no cluster."""
    users = 0 if cluster is None else users
    return {"day": date_of(day), "persona_id": persona, "event": event, "cluster_id": cluster, "users": users}


def history_of(*rows):
    return pa.Table.from_pylist(list(rows), schema=tables.LINEAGE)


def phrases_of(*rows):
    return pa.Table.from_pylist(list(rows), schema=PHRASES)


def name(history, phrases, **given):
    """The labels by day number and cluster."""
    labels = name_personas(history, phrases, **given)
    require_schema(labels.schema, PERSONA_LABELS, table="persona_labels")
    return {((row["day"] - FIRST).days + 1, row["cluster_id"]): row for row in labels.to_pylist()}


def comparable(text):
    return sorted(part.casefold() for part in text.split(SEPARATOR))


@st.composite
def stories(draw):
    """Lineage and phrases of some days, and which persona each cluster is, None where lineage cannot tell.

    Few words, so that names meet; days that lineage lacks, or that were clustered again since; clusters in any order.
    """
    words = st.lists(st.sampled_from(["a", "b", "c", "d", "A"]), max_size=4, unique=True)
    history, phrases, expected, known = [], [], {}, 0
    alive = set()
    for day in range(1, draw(st.integers(1, 5)) + 1):
        gone = draw(st.sets(st.sampled_from(sorted(alive)))) if alive else set()
        born = set(range(known, known + draw(st.integers(not alive - gone, 3))))
        known += len(born)
        history += [traced(day, persona, None, event="gone") for persona in sorted(gone)]
        alive = (alive - gone) | born
        state = draw(st.sampled_from(["known", "known", "known", "untraced", "made again"]))
        for cluster, persona in enumerate(draw(st.permutations(sorted(alive)))):
            users = draw(st.integers(1, 3))
            if state != "untraced":
                history.append(traced(day, persona, cluster, users=users))
            phrases.append(evidence(day, cluster, ", ".join(draw(words)), users=users + (state == "made again")))
            expected[day, cluster] = persona if state == "known" else None
        if draw(st.booleans()):
            surplus = evidence(day, len(alive), ", ".join(draw(words)))
            phrases.append(surplus)
            expected[day, len(alive)] = None
    return history_of(*history), phrases_of(*phrases), expected


@st.composite
def stories_with_endpoint(draw):
    history, phrases, expected = draw(stories())
    names = st.builds(EndpointName, st.sampled_from(["Cats", "cats", "a", "Trains"]), st.sampled_from(["", "Said."]))
    places = [(date_of(day), cluster) for day, cluster in sorted(expected)]
    return history, phrases, expected, draw(st.dictionaries(st.sampled_from(places), names))


@given(stories_with_endpoint())
def test_every_cluster_has_a_label_and_the_persona_of_lineage(story):
    history, phrases, expected, endpoint_names = story

    labels = name(history, phrases, endpoint_names=endpoint_names)

    assert {place: row["persona_id"] for place, row in labels.items()} == expected
    kept = [[row[column] for column in ("phrases", "users")] for row in labels.values()]
    assert kept == [[row[column] for column in ("phrases", "users")] for row in phrases.to_pylist()]


@given(stories_with_endpoint())
def test_a_persona_has_one_name_and_no_other_persona_has_it(story):
    history, phrases, _, endpoint_names = story

    names = defaultdict(set)
    for row in name(history, phrases, endpoint_names=endpoint_names).values():
        if row["persona_id"] is not None:
            names[row["persona_id"]].add((row["name"], row["named_on"], row["method"]))

    assert {persona for persona, found in names.items() if len(found) > 1} == set()
    compared = [tuple(comparable(text)) for found in names.values() for text, *_ in found]
    assert len(set(compared)) == len(compared)


@given(stories_with_endpoint())
def test_names_are_unique_on_each_day(story):
    history, phrases, _, endpoint_names = story

    by_day = defaultdict(list)
    for (day, _), row in name(history, phrases, endpoint_names=endpoint_names).items():
        by_day[day].append(tuple(comparable(row["name"])))

    assert all(len(set(names)) == len(names) for names in by_day.values())


@given(stories_with_endpoint(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(story, chance: random.Random):
    history, phrases, _, endpoint_names = story

    def shuffle(table):
        return table.take(pa.array(chance.sample(range(len(table)), len(table)), pa.int64()))

    labels = name_personas(history, phrases, endpoint_names=endpoint_names)

    assert name_personas(shuffle(history), shuffle(phrases), endpoint_names=endpoint_names).equals(labels)


@given(stories_with_endpoint())
def test_later_days_change_no_label(story):
    history, phrases, expected, endpoint_names = story
    labels = name_personas(history, phrases, endpoint_names=endpoint_names)

    for day in range(1, max(day for day, _ in expected) + 1):
        before = [
            table.filter(pc.less_equal(table["day"], pa.scalar(date_of(day)))) for table in (history, phrases, labels)
        ]
        labels_then = name_personas(before[0], before[1], endpoint_names=endpoint_names)
        assert labels_then.to_pylist() == before[2].to_pylist()  # dictionaries of `method` may differ


@given(stories_with_endpoint())
def test_a_name_is_from_the_first_known_day_of_its_persona(story):
    history, phrases, expected, endpoint_names = story
    first = {}
    for (day, cluster), persona in sorted(expected.items()):
        first.setdefault((day, cluster) if persona is None else persona, (day, cluster))

    labels = name(history, phrases, endpoint_names=endpoint_names)

    for place, row in labels.items():
        named_by = first[place if row["persona_id"] is None else row["persona_id"]]
        source = labels[named_by]
        given_name = endpoint_names.get((date_of(named_by[0]), named_by[1]))
        assert row["named_on"] == date_of(named_by[0])
        assert row["method"] == ("endpoint" if given_name else "phrases")
        own = {*source["phrases"], "unnamed"} | ({given_name.name} if given_name else set())
        assert {part.split(" (")[0] for part in row["name"].split(SEPARATOR)} <= own


@given(stories_with_endpoint())
def test_only_the_rows_that_give_names_are_selected(story):
    history, phrases, expected, endpoint_names = story
    chosen = {(row["day"], row["cluster_id"]) for row in select_naming_rows(history, phrases).to_pylist()}

    used = {place: found for place, found in endpoint_names.items() if place in chosen}

    labels = name_personas(history, phrases, endpoint_names=endpoint_names)
    assert name_personas(history, phrases, endpoint_names=used).equals(labels)
    unknown = sum(persona is None for persona in expected.values())
    assert len(chosen) == unknown + len(set(expected.values()) - {None})


def test_a_persona_keeps_the_name_of_its_birth_and_shows_the_evidence_of_the_day():
    history = history_of(traced(1, 0, 0, event="born"), traced(2, 0, 3))
    phrases = phrases_of(
        evidence(1, 0, "cats, dogs", description="At first."), evidence(2, 3, "parrots", description="Then.")
    )

    later = name(history, phrases)[2, 3]

    assert (later["name"], later["named_on"], later["method"]) == ("cats · dogs", date_of(1), "phrases")
    assert (later["description"], later["phrases"], later["persona_id"]) == ("Then.", ["parrots"], 0)


@pytest.mark.parametrize(
    ("phrases", "expected"),
    [
        ("a, b, c, d, e", "a · b · d"),
        ("a, b, c, d", "a · b · d"),
        ("c, b, a", "c · b · a (2)"),
        ("A, B, C", "A · B · C (2)"),
        ("a, b", "a · b"),
        ("", "unnamed"),
    ],
)
def test_a_name_that_is_taken_gives_way_to_the_next_phrases_and_then_to_a_number(phrases, expected):
    history = history_of(traced(1, 0, 1, event="born"), traced(1, 1, 0, event="born"))

    labels = name(history, phrases_of(evidence(1, 0, phrases), evidence(1, 1, "a, b, c")))

    assert labels[1, 1]["name"] == "a · b · c"
    assert labels[1, 0]["name"] == expected


def test_a_name_is_not_given_again_after_its_persona_ended():
    history = history_of(traced(1, 0, 0, event="born"), traced(2, 0, None, event="gone"), traced(2, 1, 0, event="born"))

    labels = name(history, phrases_of(evidence(1, 0, "cats"), evidence(2, 0, "cats")))

    assert [row["name"] for row in labels.values()] == ["cats", "cats (2)"]


def test_a_persona_whose_first_evidence_is_late_takes_no_name_that_was_given_before():
    history = history_of(traced(1, 0, 0), traced(1, 1, 1), traced(2, 0, 0), traced(2, 1, 1))

    labels = name(history, phrases_of(evidence(1, 1, "cats"), evidence(2, 0, "cats"), evidence(2, 1, "dogs")))

    assert {place: row["name"] for place, row in labels.items()} == {(1, 1): "cats", (2, 0): "cats (2)", (2, 1): "cats"}


def test_numbers_go_on():
    history = history_of(*(traced(1, number, number, event="born") for number in range(4)))

    labels = name(history, phrases_of(*(evidence(1, number, "cats") for number in range(4))))

    assert [row["name"] for row in labels.values()] == ["cats", "cats (2)", "cats (3)", "cats (4)"]


@pytest.mark.parametrize("users", [10, 11])
def test_a_day_that_was_clustered_again_since_counts_as_unknown(users):
    history = history_of(traced(1, 5, 0, event="born"), traced(1, 6, 1, event="born"))

    labels = name(history, phrases_of(evidence(1, 0, "cats"), evidence(1, 1, "dogs", users=users)))

    assert [row["persona_id"] for row in labels.values()] == ([5, 6] if users == 10 else [None, None])


def test_an_unknown_cluster_is_named_around_the_personas_of_its_day():
    history = history_of(traced(1, 0, 1, event="born"))

    labels = name(history, phrases_of(evidence(1, 0, "cats, dogs, fish, frogs"), evidence(1, 1, "cats, dogs, fish")))

    assert labels[1, 0] | {"persona_id": None, "name": "cats · dogs · frogs"} == labels[1, 0]


def test_a_description_of_the_endpoint_goes_on_with_its_name():
    history = history_of(*(traced(day, persona, persona) for day in (1, 2) for persona in (0, 1)))
    phrases = phrases_of(*(evidence(day, persona, "cats") for day in (1, 2) for persona in (0, 1)))
    names = {
        (date_of(1), 0): EndpointName("Pets", "On pets."),
        (date_of(1), 1): EndpointName("pets", ""),
        (date_of(2), 0): EndpointName("Never asked", ""),
    }

    labels = name(history, phrases, endpoint_names=names)

    assert [row["name"] for row in labels.values()] == ["Pets", "pets · cats"] * 2
    assert [row["description"] for row in labels.values()] == ["On pets.", "They write."] * 2


def test_missing_texts_are_no_error():
    row = evidence(1, 0, "") | {"name": None, "phrases": None, "description": None}

    label = name(history_of(), phrases_of(row))[1, 0]

    assert (label["name"], label["description"], label["phrases"]) == ("unnamed", "", [])
