"""Which day is due."""

from persona_assets.automation.due import choose_due_day


def test_a_new_day_is_due_once_two_looks_have_found_the_same_files():
    first = choose_due_day({"2025-03-01": "a"}, seen={}, parsed={})
    growing = choose_due_day({"2025-03-01": "b"}, seen={"2025-03-01": "a"}, parsed={})
    at_rest = choose_due_day({"2025-03-01": "b"}, seen={"2025-03-01": "b"}, parsed={})

    assert (first.day, growing.day, at_rest.day) == (None, None, "2025-03-01")
    assert "2025-03-01: looked at again" in first.why
    assert at_rest.why == "it is new"


def test_a_parsed_day_is_due_again_when_its_files_have_changed():
    listed = {"2025-03-01": "b"}

    assert choose_due_day(listed, seen=listed, parsed=listed).day is None
    assert choose_due_day(listed, seen=listed, parsed={"2025-03-01": "a"}) == (
        "2025-03-01",
        "its files have changed since it was parsed",
    )


def test_of_several_days_the_earliest_is_due():
    listed = {"2025-03-03": "c", "2025-03-01": "a", "2025-03-02": "b"}

    assert choose_due_day(listed, seen=listed, parsed={"2025-03-01": "a"}).day == "2025-03-02"


def test_days_without_files_are_never_due():
    assert choose_due_day({}, seen={"2025-03-01": "a"}, parsed={}) == (None, "0 days have files, all of them parsed")
