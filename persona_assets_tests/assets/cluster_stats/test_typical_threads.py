"""The typical thread of a cluster."""

import json

from persona_assets.assets.cluster_stats.typical_threads import (
    MAX_LINES,
    MAX_MESSAGE_CHARACTERS,
    MAX_MESSAGES,
    choose_typical_thread,
)


def line_of(*messages):
    return json.dumps([{"user_id": user, "text": text} for user, text in messages]).encode()


def test_the_thread_with_most_words_of_the_cluster_is_chosen():
    lines = [
        line_of(("me", "tomato and compost"), ("you", "nice")),
        line_of(("me", "tomato and compost"), ("you", "with mulch?")),
        line_of(("me", "weather"), ("you", "rain")),
    ]

    thread = choose_typical_thread(lines, {"me"}, ["tomato", "compost", "mulch"])

    assert [tuple(message) for message in thread] == [
        ("A", True, "tomato and compost"),
        ("B", False, "with mulch?"),
    ]


def test_lines_of_one_speaker_of_no_member_or_without_texts_are_no_threads():
    action = json.dumps([{"user_id": "me", "text": "hi"}, {"user_id": "you", "text": "x", "actions": {"like": True}}])
    lines = [line_of(("me", "tomato"), ("me", "tomato")), line_of(("you", "tomato"), ("him", "x")), b"[", b"7"]

    assert choose_typical_thread([*lines, action.encode()], {"me"}, ["tomato"]) == []


def test_both_forms_of_lines_are_read():
    line = json.dumps({"thread": json.loads(line_of(("me", "a"), ("you", "b"))), "cluster_id": 0}).encode()

    assert len(choose_typical_thread([line], {"me"}, [])) == 2


def test_lines_messages_and_texts_are_bounded():
    late = [line_of(("me", "x"), ("you", "y"))] * MAX_LINES + [line_of(("me", "tomato"), ("you", "y"))]
    long = line_of(*[(f"user{number % 3}", "x" * 9999) for number in range(50)])

    assert choose_typical_thread(late, {"me"}, ["tomato"])[0].text == "x"
    thread = choose_typical_thread([long], {"user0"}, [])
    assert len(thread) == MAX_MESSAGES
    assert {len(message.text) for message in thread} == {MAX_MESSAGE_CHARACTERS + 1}


def test_a_thread_with_a_user_who_is_left_out_is_not_shown():
    lines = [line_of(("me", "tomato"), ("you", "tomato too")), line_of(("me", "weather"), ("him", "rain"))]

    thread = choose_typical_thread(lines, {"me"}, ["tomato"], left_out={"you"})

    assert [message.text for message in thread] == ["weather", "rain"]
