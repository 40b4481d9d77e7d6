import datetime as dt

import pyarrow as pa

from persona_assets.assets.cluster_jsonl.serialise import ACTION_KEYS
from persona_assets.assets.dataset.forms import FREQUENT_ACTIONS, NEXT_ACTION, NEXT_ACTIONS
from persona_assets.assets.dataset.next_action_rows import (
    ESTIMATED,
    FIRST_POST,
    find_own_texts,
    make_next_action_rows,
)
from persona_assets.assets.dataset.release_schemas import CHAT
from persona_assets_tests.assets.cluster_jsonl.builders import uri_of
from persona_assets_tests.assets.dataset.pair_builders import Window, like, post

CARD = {"role": "system", "content": "You are a user."}


def chat_rows(*acts):
    """Return a row of `chat` for each act, numbered from 0."""
    rows = [
        {
            "persona": "persona_3",
            "persona_name": "gardens",
            "line_id": number,
            "split": "train",
            "day": dt.date(2025, 3, 2),
            "window_from": dt.date(2025, 3, 1),
            "act": act,
            "user": "user_0",
            "time": dt.datetime(2025, 3, 2, 12, tzinfo=dt.UTC),
            "tokens": 9,
            "left_out": 0,
            "messages": [CARD, {"role": "user", "content": f"@user1: {number}"}, {"role": "assistant", "content": act}],
            "prompt": [CARD, {"role": "user", "content": f"@user1: {number}"}],
            "completion": [{"role": "assistant", "content": act}],
        }
        for number, act in enumerate(acts)
    ]
    return pa.Table.from_pylist(rows, schema=CHAT)


def test_the_twelve_actions_are_those_that_lines_mark_without_the_estimated_one() -> None:
    assert set(NEXT_ACTIONS) == set(ACTION_KEYS) - {"ignore"}
    assert len(NEXT_ACTIONS) == 12
    assert set(FREQUENT_ACTIONS) < set(NEXT_ACTIONS)


def test_each_line_with_an_action_asks_for_it_and_each_reply_for_its_text() -> None:
    chat = chat_rows("like", "block", "reply", "quote")

    made = make_next_action_rows(chat, pa.array([None, None, "so true", "look"], pa.string()))

    rows = made.rows.to_pylist()
    assert made.rows.schema.equals(NEXT_ACTION)
    assert made.left_out == {}
    assert [row["action"] for row in rows] == ["like", "block", "reply", "quote"]
    assert [row["task"] for row in rows] == ["action", "action", "reply", "action"]
    assert [row["frequent"] for row in rows] == [True, False, None, False]
    assert [row["text"] for row in rows] == [None, None, "so true", "look"]
    assert [row["candidates"] for row in rows] == [list(NEXT_ACTIONS)] * 2 + [["reply"], list(NEXT_ACTIONS)]
    assert [row["context"] for row in rows] == chat["prompt"].to_pylist()
    assert rows[1]["line_id"] == 1
    assert rows[0]["time"] == dt.datetime(2025, 3, 2, 12, tzinfo=dt.UTC)


def test_first_posts_and_estimates_have_no_row_and_are_counted() -> None:
    made = make_next_action_rows(chat_rows("post", "ignore", "like", "post"), pa.nulls(4, pa.string()))

    assert made.rows["line_id"].to_pylist() == [2]
    assert made.left_out == {FIRST_POST: 2, ESTIMATED: 1}


def test_no_rows_of_chat_make_no_rows() -> None:
    made = make_next_action_rows(chat_rows(), pa.array([], pa.string()))

    assert (len(made.rows), made.left_out) == (0, {})


def test_own_texts_are_those_of_the_last_message_or_of_the_act(tmp_path) -> None:
    rows = [
        post("other", "1", 1, "very good"),
        like("ann", "other", "1", 2),
        post("ann", "answer", 3, "so true", answers=uri_of("other", "1")),
        post("ann", "shared", 4, "look", quotes=uri_of("other", "1")),
    ]
    window = Window(rows, tmp_path)
    (batch,) = window.batches()

    texts = find_own_texts(batch, window.store)

    found = sorted(zip(batch.acts.to_pylist(), texts.to_pylist(), strict=True), key=str)
    assert ("like", None) in found
    assert ("reply", "so true") in found
    assert ("quote", "look") in found
