import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets_tests.cluster_jsonl.builders import accounted, act, build, inputs, lines_of, message, uri_of

CLUSTERS = {"ann": 0, "bob": 0, "cyd": 1}
OWN = {"post", "reply"}


def has_text(line):
    return any(one.get("text", "").strip(" ") for one in line)


def build_both(rows, tmp_path):
    """The same window with all lines, and without those that have no text."""
    made = [build(inputs(rows, CLUSTERS), tmp_path, lines_without_text=kept) for kept in (True, False)]
    return made, [lines_of(one) for one in made]


def test_lines_without_text_are_written_and_counted_by_what_they_are(tmp_path):
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

    assert made.without_text == less.without_text == {"conversation": 2, "post_delete": 1, "profile_update": 1}
    assert len(lines[0]) == 7
    assert fewer[0] == [line for line in lines[0] if has_text(line)]
    assert len(fewer[0]) == 3
    assert (made.conversations, less.conversations) == (3, 1)
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
def test_a_picture_stays_where_its_own_cluster_answers_it_with_words(answered_by, is_written, tmp_path):
    rows = [
        message("ann", "picture", 1, None, english=False),
        message(answered_by, "answer", 2, answers=uri_of("ann", "picture")),
    ]

    (_, less), (_, fewer) = build_both(rows, tmp_path)

    assert accounted(less)[0, "post", "written" if is_written else "line without text"] == 1
    assert [len(line) for line in fewer[CLUSTERS[answered_by]]] == [2]
    assert (0 in fewer) == is_written


@st.composite
def windows(draw):
    rows = []
    for number in range(draw(st.integers(1, 12))):
        user = draw(st.sampled_from([*CLUSTERS, "stranger"]))
        text = draw(st.sampled_from([None, "", " ", "words"]))
        posts = [row["uri"] for row in rows if row["action"] in OWN]
        kind = draw(st.sampled_from(["post", "reply", "profile_update", "post_delete", "post_update", "like"]))
        on = draw(st.sampled_from(posts)) if posts else None
        key = str(number)
        if kind == "post" or (kind == "reply" and on):
            answers = on if kind == "reply" else None
            rows.append(message(user, key, number, text, answers=answers, english=text == "words"))
        elif kind == "like" and on:
            rows.append(act(user, kind, number, key=key, on=on))
        elif kind == "profile_update":
            rows.append(act(user, kind, number, key=key, text=text))
        elif kind in {"post_delete", "post_update"} and on:
            owner, _, name = on.removeprefix("at://").partition("/app.bsky.feed.post/")
            rows.append(act(owner, kind, number, key=name, on=on, text=text if kind == "post_update" else None))
    return rows


@settings(max_examples=60, deadline=None)
@given(rows=windows())
def test_just_the_lines_with_text_are_left_and_all_actions_are_accounted_for(rows, tmp_path_factory):
    (made, less), (lines, fewer) = build_both(rows, tmp_path_factory.mktemp("window"))

    expected = {cluster: [line for line in those if has_text(line)] for cluster, those in lines.items()}
    assert fewer == {cluster: those for cluster, those in expected.items() if those}
    assert sum(made.without_text.values()) == sum(map(len, lines.values())) - sum(map(len, fewer.values()))

    totals = [Counter(), Counter()]
    for one, total in zip((made, less), totals, strict=True):
        for (cluster, action, _), number in accounted(one).items():
            total[cluster, action] += number
    assert totals[0] == totals[1]

    in_lines = {
        (cluster, one["user_id"], one["unix_epoch"])
        for cluster, those in fewer.items()
        for line in those
        for one in line
        if "actions" not in one and not any("actions" in other for other in line)
    }
    own = {
        (CLUSTERS[row["user_id"]], row["user_id"], row["event_time_us"])
        for row in rows
        if row["action"] in OWN and row["user_id"] in CLUSTERS
    }
    written = sum(
        number for (_, action, outcome), number in accounted(less).items() if action in OWN and outcome == "written"
    )
    assert written == len(own & in_lines), json.dumps(rows)
