"""Which day the sensor processes next."""

import functools

from persona_assets.automation import due_days as due

choose_due_day = functools.partial(due.choose_due_day, failed={})


def test_a_new_day_is_due_after_two_evaluations_with_the_same_files():
    first = choose_due_day({"2025-03-01": "a"}, seen={}, parsed={})
    growing = choose_due_day({"2025-03-01": "b"}, seen={"2025-03-01": "a"}, parsed={})
    at_rest = choose_due_day({"2025-03-01": "b"}, seen={"2025-03-01": "b"}, parsed={})

    assert (first.day, growing.day, at_rest.day) == (None, None, "2025-03-01")
    assert "2025-03-01: looked at again" in first.reason
    assert at_rest.reason == "it is new"


def test_a_parsed_day_is_due_again_when_its_files_have_changed():
    listed = {"2025-03-01": "b"}

    assert choose_due_day(listed, seen=listed, parsed=listed).day is None
    assert choose_due_day(listed, seen=listed, parsed={"2025-03-01": "a"}) == (
        "2025-03-01",
        "its files have changed since it was parsed",
    )


def test_the_earliest_of_several_days_is_due():
    listed = {"2025-03-03": "c", "2025-03-01": "a", "2025-03-02": "b"}

    assert choose_due_day(listed, seen=listed, parsed={"2025-03-01": "a"}).day == "2025-03-02"


def test_days_without_files_are_never_due():
    assert choose_due_day({}, seen={"2025-03-01": "a"}, parsed={}) == (None, "0 days have files, all of them parsed")


def test_a_failed_day_is_named_and_does_not_block_later_days():
    listed = {"2025-03-01": "a", "2025-03-02": "b"}

    next_day = choose_due_day(listed, seen=listed, parsed={}, failed={"2025-03-01": "a"})
    after_that = choose_due_day(listed, seen=listed, parsed={"2025-03-02": "b"}, failed={"2025-03-01": "a"})

    named = "; the last run failed: 2025-03-01 (fix the error that the run shows, then re-execute it)"
    assert next_day == ("2025-03-02", f"it is new{named}")
    assert after_that == (None, f"2 days have files, none of them is due{named}")


def test_a_failed_day_is_due_again_when_its_changed_files_are_stable():
    listed = {"2025-03-01": "b"}

    growing = choose_due_day(listed, seen={"2025-03-01": "a"}, parsed={}, failed={"2025-03-01": "a"})
    at_rest = choose_due_day(listed, seen=listed, parsed={}, failed={"2025-03-01": "a"})

    assert growing.day is None
    assert "2025-03-01: looked at again" in growing.reason
    assert at_rest == ("2025-03-01", "it is new")


def test_a_day_that_was_parsed_and_failed_later_is_named():
    listed = {"2025-03-01": "a"}

    answer = choose_due_day(listed, seen=listed, parsed=listed, failed=listed)

    assert answer.day is None
    assert "the last run failed: 2025-03-01" in answer.reason


def test_a_failed_day_without_files_is_ignored():
    assert "failed" not in choose_due_day({}, seen={}, parsed={}, failed={"2025-03-01": "a"}).reason
