"""Personas keep their numbers from day to day, and each event is recorded on its day."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.assets.lineage.trace import list_absent_days, trace_personas
from persona_assets_tests.assets.lineage.builders import Month, date_of, day_of, users_of


def rows_of(days):
    return trace_personas(days).to_pylist()


def events_of(rows):
    """The events after the first day, except continuations."""
    first = rows[0]["day"]
    return [
        (row["day"].day, row["event"], row["persona_id"], row["related_persona_id"])
        for row in rows
        if row["event"] != "continued" and row["day"] > first
    ]


def make_month(events=(), *, skip=(), seed=0, days=28):
    """The clusters of a month of four personas and these events, and the name of each day's clusters."""
    month = Month(seed)
    for name, users in (("bread", 200), ("trains", 160), ("chess", 120), ("birds", 90)):
        month.add(name, users)
    days_kept, names = [], {}
    for number in range(1, days + 1):
        for when, change in events:
            if when == number:
                change(month)
        day, named = month.next_day(number)
        if number not in skip:
            days_kept.append(day)
            names[day.day] = named
    return days_kept, names


EVENTS = (
    (6, lambda month: month.add("comets", 100)),
    (12, lambda month: month.merge("birds", into="chess")),
    (17, lambda month: month.remove("trains")),
    (22, lambda month: month.split("bread", off="cakes", users=70)),
)


def test_numbers_persist_and_each_event_is_recorded_on_its_day():
    days, names = make_month(EVENTS)

    rows = rows_of(days)

    number = {name: persona for persona, name in enumerate(names[date_of(1)])}
    number |= {"comets": 4, "cakes": 5}
    assert events_of(rows) == [
        (6, "born", number["comets"], None),
        (12, "merged", number["birds"], number["chess"]),
        (17, "gone", number["trains"], None),
        (22, "split", number["cakes"], number["bread"]),
    ]
    for row in rows:
        if row["cluster_id"] is not None:
            assert row["persona_id"] == number[names[row["day"]][row["cluster_id"]]]


def test_there_is_a_row_for_each_cluster_and_for_each_persona_that_ends():
    days, _ = make_month(EVENTS)

    table = trace_personas(days)

    assert table.schema.equals(tables.LINEAGE)
    rows = table.to_pylist()
    assert sum(row["cluster_id"] is not None for row in rows) == sum(len(day.centres) for day in days)
    assert len({(row["day"], row["persona_id"]) for row in rows}) == len(rows)
    assert rows == sorted(rows, key=lambda row: (row["day"], row["persona_id"]))


def test_on_the_first_day_persona_numbers_are_cluster_numbers_and_all_are_born():
    days, _ = make_month(days=1)

    rows = rows_of(days)

    assert [(row["persona_id"], row["cluster_id"], row["event"]) for row in rows] == [(n, n, "born") for n in range(4)]
    assert {row["previous_day"] for row in rows} == {None}
    assert [row["users"] for row in rows] == [200, 160, 120, 90]


def test_overlaps_compare_with_a_cluster_of_the_day_before():
    before = {"a": users_of("a", range(60)), "b": users_of("b", range(40))}
    after = {"ab": before["a"] | before["b"]}

    rows = rows_of([day_of(1, before), day_of(2, after)])[2:]

    assert [(row["event"], row["previous_cluster_id"], row["shared_users"]) for row in rows] == [
        ("continued", 0, 60),
        ("merged", 1, 40),
    ]
    assert [row["overlap"] for row in rows] == [pytest.approx(120 / 160), pytest.approx(80 / 140)]
    assert [(row["cluster_id"], row["users"]) for row in rows] == [(0, 100), (None, 0)]


def test_personas_continue_across_missing_days_and_previous_day_is_the_day_compared_with():
    days, names = make_month(skip=(10, 11))

    rows = rows_of(days)

    assert events_of(rows) == []
    assert {row["previous_day"] for row in rows if row["day"] == date_of(12)} == {date_of(9)}
    assert list_absent_days([day.day for day in days]) == [date_of(10), date_of(11)]
    assert len({names[row["day"]][row["cluster_id"]] for row in rows if row["persona_id"] == 0}) == 1


def test_a_cluster_in_three_parts_splits_and_merges_again():
    thirds = {f"a{part}": users_of("a", range(part, 90, 3)) for part in range(3)}
    whole = {"a": users_of("a", range(90)), "b": users_of("b", range(50))}

    rows = rows_of([day_of(1, whole), day_of(2, {**thirds, "b": whole["b"]}), day_of(3, whole)])

    assert events_of(rows) == [(2, "split", 2, 0), (2, "split", 3, 0), (3, "merged", 2, 0), (3, "merged", 3, 0)]


def test_the_number_of_an_ended_persona_is_not_reused():
    a, b, c = ({name: users_of(name, range(50))} for name in "abc")

    rows = rows_of([day_of(1, a | b), day_of(2, a), day_of(3, a | c)])

    assert events_of(rows) == [(2, "gone", 1, None), (3, "born", 2, None)]


@settings(max_examples=10)
@given(st.integers(1, 27), st.integers(0, 5))
def test_rows_do_not_depend_on_later_days_and_are_the_same_every_time(until, seed):
    days, _ = make_month(EVENTS, seed=seed)

    whole, part = rows_of(days), rows_of(days[:until])

    assert whole == rows_of(days)
    assert part == whole[: len(part)]
