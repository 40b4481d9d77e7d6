"""Chats alternate, name others, and leave out the oldest messages beyond the limit of tokens."""

import json

import numpy as np
import pytest

from persona_assets.assets.dataset.chat_turns import (
    GO_ON,
    NO_TEXT,
    ROLES,
    ChatOptions,
    assemble_chats,
    number_users,
)
from persona_assets.assets.dataset.line_batches import read_line_batches
from persona_assets_tests.assets.cluster_jsonl.builders import act, message, uri_of
from persona_assets_tests.assets.dataset.builders import count_words, load_store, window

CARD = "a card of five words"


def chats_of(rows, clusters, scratch, *, acts="json", max_tokens=1000, **how):
    """Return the turns of each line as pairs of role and content, by line, with what `Chats` says of each."""
    store, lines = load_store(rows, clusters, scratch, **how)
    found = {}
    for batch in read_line_batches(lines, store):
        made = assemble_chats(batch, store, CARD, ChatOptions(acts, max_tokens, count_words))
        roles, contents = [ROLES[role] for role in made.roles], made.contents.to_pylist()
        kept = batch.select(made.is_kept)
        for place, line in enumerate(kept.line_ids.tolist()):
            turns = slice(made.offsets[place], made.offsets[place + 1])
            found[line] = (
                kept.acts[place].as_py(),
                list(zip(roles[turns], contents[turns], strict=True)),
                int(made.tokens[place]),
                int(made.left_out[place]),
            )
    return found


def chat_with(found, act):
    (turns,) = [turns for name, turns, _, _ in found.values() if name == act]
    return turns


def test_a_conversation_is_told_from_the_side_of_the_user_whose_line_it_is(tmp_path):
    found = chats_of(*window(), tmp_path)

    assert chat_with(found, "reply") == [
        ("system", CARD),
        ("user", "@user1: hello world"),
        ("assistant", json.dumps({"text": 'well "hi" at joe@example.org'})),
        ("user", "@user1: thanks\n@user1: and on\n@user2: outside"),
        ("assistant", '{"text": "last"}'),
    ]


def test_actions_answer_what_they_are_about(tmp_path):
    found = chats_of(*window(), tmp_path)

    assert chat_with(found, "follow")[1:] == [
        ("user", "@user1: and on"),
        ("assistant", '{"actions": {"follow": true}}'),
    ]
    assert chat_with(found, "quote")[1:] == [
        ("user", "@user1: hello world"),
        ("assistant", '{"text": "see this", "actions": {"quote": true}}'),
    ]
    assert chat_with(found, "profile_update")[1:] == [
        ("user", GO_ON),
        ("assistant", '{"text": "write to me@x.org", "actions": {"profile_update": true}}'),
    ]


def test_acts_can_be_plain_text(tmp_path):
    found = chats_of(*window(), tmp_path, acts="text")

    assert chat_with(found, "quote")[-1] == ("assistant", "[quote] see this")
    assert chat_with(found, "follow")[-1] == ("assistant", "[follow]")
    assert chat_with(found, "reply")[-1] == ("assistant", "last")


def test_turns_alternate_and_end_with_the_assistant(tmp_path):
    rows = [message("ann", "0", 0, "first")]
    rows += [message("ann", str(n), n, f"then {n}", answers=uri_of("ann", str(n - 1))) for n in range(1, 4)]
    rows += [act("ann", "like", 9, on=uri_of("ann", "0")), message("bob", "b", 1, None, answers=uri_of("ann", "0"))]
    rows += [message("ann", "e", 2, "end", answers=uri_of("bob", "b"))]

    found = chats_of(rows, {"ann": 0}, tmp_path)

    assert len(found) == 3
    for _, turns, _, _ in found.values():
        assert [role for role, _ in turns] == ["system", *(["user", "assistant"] * (len(turns) // 2))]
    assert ("user", f"@user1: {NO_TEXT}") in chat_with(
        {line: chat for line, chat in found.items() if "end" in str(chat)}, "reply"
    )
    assert chat_with(found, "like")[1:] == [
        ("user", GO_ON),
        ("assistant", '{"text": "first"}'),
        ("user", GO_ON),
        ("assistant", '{"actions": {"like": true}}'),
    ]


@pytest.mark.parametrize("max_tokens", range(1, 80))
def test_the_last_messages_that_fit_the_limit_are_kept(tmp_path, max_tokens):
    writers = ["bob", *("ann" if number % 3 == 0 else "bob" for number in range(1, 10))]
    rows = [message("bob", "0", 0, "one two three")]
    rows += [
        message(writers[n], str(n), n, f"four five {n}", answers=uri_of(writers[n - 1], str(n - 1)))
        for n in range(1, 10)
    ]
    clusters = {"ann": 0}

    (whole,) = chats_of(rows, clusters, tmp_path).values()
    cut = chats_of(rows, clusters, tmp_path, max_tokens=max_tokens)

    for _, turns, tokens, left_out in cut.values():
        assert tokens <= max_tokens
        assert turns[-1] == whole[1][-1]
        said = "\n".join(content for _, content in whole[1]).split("\n")
        kept = "\n".join(content for role, content in turns if content not in {GO_ON, CARD}).split("\n")
        assert [one.partition(": ")[2] for one in kept] == [one.partition(": ")[2] for one in said[-len(kept) :]]
        assert len(kept) + left_out == 10
    if max_tokens >= whole[2] + 20:
        assert cut


def test_tokens_are_those_of_all_contents(tmp_path):
    for _, turns, tokens, _ in chats_of(*window(), tmp_path).values():
        contents = [content for _, content in turns]
        names = sum(content.count("@user") for content in contents)
        words = sum(len(content.split()) for content in contents)
        # A name has five tokens by definition, and is one word here.
        assert tokens == words + 4 * names


def test_users_are_numbered_in_each_line_in_the_order_of_appearance():
    lines = np.array([0, 0, 0, 0, 2, 2, 5])
    users = np.array([9, 4, 9, 1, 1, 9, 4])

    assert number_users(lines, users).tolist() == [1, 2, 1, 3, 1, 2, 1]
