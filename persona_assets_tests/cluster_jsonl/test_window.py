import duckdb
import pytest

from persona_assets.cluster_jsonl.contents import Contents
from persona_assets.cluster_jsonl.window import load_window
from persona_assets_tests.cluster_jsonl.builders import accounted, act, build, inputs, lines_of, message, uri_of


def texts(made):
    return {tuple(message["text"] for message in line) for lines in lines_of(made).values() for line in lines}


def test_an_event_on_both_sides_of_midnight_is_one_message(tmp_path):
    rows = [message("ann", "p", 1, "hello"), message("ann", "p", 1, "hello")]

    made = build(inputs(rows, {"ann": 0}), tmp_path)

    assert accounted(made) == {(0, "post", "written"): 1, (0, "post", "record seen before"): 1}
    assert texts(made) == {("hello",)}


def test_of_a_record_made_anew_the_last_stands(tmp_path):
    rows = [
        message("ann", "p", 3, "again"),
        message("ann", "p", 1, "hello"),
        message("bob", "r", 5, "hi", answers=uri_of("ann", "p")),
    ]

    assert texts(build(inputs(rows, {"bob": 0}), tmp_path)) == {("again", "hi")}


def test_a_cycle_is_cut_at_its_earliest_message(tmp_path):
    rows = [
        message("ann", "a", 3, "late", answers=uri_of("bob", "b")),
        message("bob", "b", 1, "early", answers=uri_of("ann", "a")),
    ]

    assert texts(build(inputs(rows, {"ann": 0, "bob": 0}), tmp_path)) == {("early", "late")}


def test_a_message_that_answers_itself_starts_its_thread(tmp_path):
    rows = [
        message("ann", "a", 1, "me", answers=uri_of("ann", "a")),
        message("bob", "b", 2, "you", answers=uri_of("ann", "a")),
    ]

    assert texts(build(inputs(rows, {"bob": 0}), tmp_path)) == {("me", "you")}


def test_an_answer_to_a_message_that_is_not_there_starts_a_line(tmp_path):
    rows = [message("ann", "a", 1, "me", answers=uri_of("gone", "g"))]

    assert texts(build(inputs(rows, {"ann": 0}), tmp_path)) == {("me",)}


@pytest.mark.parametrize("rows", [[], [act("ann", "account_status", 1)]])
def test_a_window_without_messages_has_no_thread(rows, tmp_path):
    with duckdb.connect() as con:
        forest = load_window(con, inputs(rows, {"ann": 0}), Contents(tmp_path / "contents"))

    assert (len(forest.parents), len(forest.clusters)) == (0, 0)
