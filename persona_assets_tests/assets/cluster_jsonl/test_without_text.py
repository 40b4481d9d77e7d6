import json
import unicodedata
from collections import Counter

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.assets.cluster_jsonl.without_text import CREATE_HAS_NO_TEXT_MACRO
from persona_assets_tests.assets.cluster_jsonl.builders import (
    accounted,
    act,
    build,
    inputs,
    is_conversation,
    lines_of,
    message,
    uri_of,
)

CLUSTERS = {"ann": 0, "bob": 0, "cyd": 1}
OWN = {"post", "reply"}
# Invisible characters that Unicode classes as letters, symbols or marks: fillers and variation selectors.
FILLERS = {"\u034f", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0", *map(chr, range(0xFE00, 0xFE10))}
BLANKS = ["\n", "\t ", "\u200b", "\u00a0\u3000", "\u2028\ufeff", "\x85\x1f", "\u3164", "\u2800 \ufe0f"]


def is_visible(character):
    return not (character.isspace() or unicodedata.category(character) in {"Cc", "Cf"} or character in FILLERS)


def is_text(text):
    return any(map(is_visible, text or ""))


def has_text(line):
    return any(is_text(one.get("text")) for one in line)


def build_both(rows, tmp_path, *, max_messages=64):
    """Build the same window twice: with all lines, and without lines that have no text."""
    made = [
        build(inputs(rows, CLUSTERS), tmp_path, lines_without_text=kept, max_thread_messages=max_messages)
        for kept in (True, False)
    ]
    return made, [lines_of(one) for one in made]


# Python and DuckDB know different versions of Unicode: what is unassigned in one may be a format in the other.
ASSIGNED = st.characters(exclude_categories=["Cs", "Cn"])
FEW = st.sampled_from([*sorted(FILLERS), *"".join(BLANKS), "a", "\u0301", "\U0001f600"])
TEXTS = st.none() | st.text(ASSIGNED) | st.text(FEW)


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1))
def test_a_text_counts_as_text_if_one_of_its_characters_is_visible(texts):
    with duckdb.connect() as con:
        con.execute(CREATE_HAS_NO_TEXT_MACRO)
        query = "SELECT NOT has_no_text(text) FROM (SELECT unnest($texts::VARCHAR[]) AS text)"
        found = [answer for (answer,) in con.execute(query, {"texts": texts}).fetchall()]

    assert found == list(map(is_text, texts))


@pytest.mark.parametrize("text", BLANKS)
def test_a_text_without_a_visible_character_counts_as_no_text(text, tmp_path):
    rows = [
        message("ann", "blank", 1, text),
        act("bob", "profile_update", 2, text=text),
        act("ann", "post_update", 3, key="blank", on=uri_of("ann", "blank"), text=text),
        act("bob", "like", 4, on=uri_of("ann", "blank")),
    ]

    (made, less), (_, fewer) = build_both(rows, tmp_path)

    assert made.n_without_text == {"conversation": 1, "post_update": 1, "profile_update": 1}
    assert fewer == {}
    assert accounted(less)[0, "like", "target without words"] == 1


@pytest.mark.parametrize("action", ["like", "repost", "follow", "quote"])
def test_a_post_that_was_created_again_without_text_is_no_target(action, tmp_path):
    created_again = uri_of("other", "p")
    how = {"toward": "other"} if action == "follow" else {"on": created_again}
    acts = message("ann", "q", 3, None, quotes=created_again) if action == "quote" else act("ann", action, 3, **how)
    rows = [message("other", "p", 1), message("other", "p", 2, None, english=False), acts]

    (_, less), (_, fewer) = build_both(rows, tmp_path)

    assert fewer == {}
    outcome = "no post before the act" if action == "follow" else "target without words"
    assert accounted(less)[0, action, outcome] == 1


def test_lines_without_text_are_counted_by_kind_whether_written_or_not(tmp_path):
    rows = [
        message("ann", "picture", 1, None, english=False),
        message("ann", "spaces", 2, "  ", english=False),
        message("ann", "words", 3),
        act("bob", "profile_update", 4, key="1", text=None),
        act("bob", "profile_update", 5, key="2", text="about me"),
        act("ann", "post_delete", 6, key="picture", on=uri_of("ann", "picture")),
        act("bob", "like", 7, on=uri_of("ann", "words")),
    ]

    (made, less), (lines, fewer) = build_both(rows, tmp_path)

    assert made.n_without_text == less.n_without_text == {"conversation": 2, "post_delete": 1, "profile_update": 1}
    assert len(lines[0]) == 7
    assert fewer[0] == [line for line in lines[0] if has_text(line)]
    assert len(fewer[0]) == 3
    assert (made.n_conversations, less.n_conversations) == (3, 1)
    assert {outcome for _, _, outcome in accounted(made)} == {"written"}
    assert accounted(less) == {
        (0, "post", "written"): 1,
        (0, "post", "line without text"): 2,
        (0, "profile_update", "written"): 1,
        (0, "profile_update", "line without text"): 1,
        (0, "post_delete", "line without text"): 1,
        (0, "like", "written"): 1,
    }


@pytest.mark.parametrize(("answered_by", "is_written"), [("bob", True), ("cyd", False)])
def test_a_picture_is_kept_if_its_own_cluster_replies_with_text(answered_by, is_written, tmp_path):
    rows = [
        message("ann", "picture", 1, None, english=False),
        message(answered_by, "answer", 2, answers=uri_of("ann", "picture")),
    ]

    (_, less), (_, fewer) = build_both(rows, tmp_path)

    assert accounted(less)[0, "post", "written" if is_written else "line without text"] == 1
    assert [len(line) for line in fewer[CLUSTERS[answered_by]]] == [2]
    assert (0 in fewer) == is_written


def test_messages_above_a_long_thread_that_is_left_out_are_accounted_for_as_cut(tmp_path):
    """The last two messages have no text, so no line is left. The first four are above the maximum of two messages."""
    rows = [message("ann", "0", 0)]
    rows += [
        message("ann", str(n), n, "words" if n < 4 else None, answers=uri_of("ann", str(n - 1)), english=n < 4)
        for n in range(1, 6)
    ]

    (made, less), (lines, fewer) = build_both(rows, tmp_path, max_messages=2)

    assert [len(line) for line in lines[0]] == [2]
    assert fewer == {}
    cut = {(0, "post", "cut from a long thread"): 1, (0, "reply", "cut from a long thread"): 3}
    assert accounted(made) == cut | {(0, "reply", "written"): 2}
    assert accounted(less) == cut | {(0, "reply", "line without text"): 2}


@st.composite
def windows(draw):
    rows = []
    for number in range(draw(st.integers(1, 12))):
        user = draw(st.sampled_from([*CLUSTERS, "stranger"]))
        text = draw(st.sampled_from([None, "", " ", *BLANKS, *["words"] * 8, "\u200bwords"]))
        posts = [row["uri"] for row in rows if row["action"] in OWN]
        kind = draw(st.sampled_from(["post", "reply", "quote", "profile_update", "post_delete", "post_update", "like"]))
        on = draw(st.sampled_from(posts)) if posts else None
        key = str(number)
        if kind == "post" or (kind in {"reply", "quote"} and on):
            pointing = {} if kind == "post" else {"answers" if kind == "reply" else "quotes": on}
            # Some records are created again.
            written = str(draw(st.integers(0, number))) if draw(st.booleans()) else key
            rows.append(message(user, written, number, text, **pointing, english=is_text(text)))
        elif kind == "like" and on:
            rows.append(act(user, kind, number, key=key, on=on))
        elif kind == "profile_update":
            rows.append(act(user, kind, number, key=key, text=text))
        elif kind in {"post_delete", "post_update"} and on:
            owner, _, name = on.removeprefix("at://").partition("/app.bsky.feed.post/")
            rows.append(act(owner, kind, number, key=name, on=on, text=text if kind == "post_update" else None))
    return rows


@settings(max_examples=60, deadline=None)
@given(rows=windows(), max_messages=st.integers(2, 4))
def test_exactly_the_lines_with_text_are_left_and_all_actions_are_accounted_for(rows, max_messages, tmp_path_factory):
    (made, less), (lines, fewer) = build_both(rows, tmp_path_factory.mktemp("window"), max_messages=max_messages)

    expected = {cluster: [line for line in those if has_text(line)] for cluster, those in lines.items()}
    assert fewer == {cluster: those for cluster, those in expected.items() if those}
    assert sum(made.n_without_text.values()) == sum(map(len, lines.values())) - sum(map(len, fewer.values()))

    totals = [Counter(), Counter()]
    for one, total in zip((made, less), totals, strict=True):
        for (cluster, action, _), number in accounted(one).items():
            total[cluster, action] += number
    assert totals[0] == totals[1]

    own = {
        (CLUSTERS[row["user_id"]], row["user_id"], row["event_time_us"])
        for row in rows
        if row["action"] in OWN and row["user_id"] in CLUSTERS
    }
    for one, those in ((made, lines), (less, fewer)):
        written = sum(
            number for (_, action, outcome), number in accounted(one).items() if action in OWN and outcome == "written"
        )
        assert written == len(own & in_conversations(those)), json.dumps(rows)


def in_conversations(lines):
    """Return (cluster, author, time) of each message of a conversation line."""
    return {
        (cluster, one["user_id"], one["unix_epoch"])
        for cluster, those in lines.items()
        for line in those
        if is_conversation(line)
        for one in line
    }
