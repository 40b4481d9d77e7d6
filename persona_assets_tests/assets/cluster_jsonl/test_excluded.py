"""Accounts and posts that are left out: nowhere in the bytes of lines, and every action counted under a reason."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.assets.cluster_jsonl.excluded import outcome_for_author, outcome_for_target
from persona_assets.assets.cluster_jsonl.ignored import IgnoredOptions
from persona_assets_tests.assets.cluster_jsonl.builders import accounted, act, build, inputs, lines_of, message, uri_of
from persona_assets_tests.consent.builders import left_out

HOUR = 3_600_000_000


def run(tmp_path, rows, clusters, *, users=(), posts=(), **options):
    """Return the step's result and the bytes of all lines."""
    made = build(inputs(rows, clusters)._replace(left_out=left_out(users, posts)), tmp_path, **options)
    return made, b"".join(bytes(lines) for _, lines, _ in made.lines)


RON = {"ron": "refuses training"}


def test_an_account_that_refuses_is_no_author_no_context_and_no_target(tmp_path):
    rows = [
        message("ron", "root", 1, "secret root"),
        message("ann", "a", 2, "an answer", answers=uri_of("ron", "root")),
        message("ron", "mid", 3, "secret middle", answers=uri_of("ann", "a")),
        message("bob", "b", 4, "the end", answers=uri_of("ron", "mid")),
        message("ann", "q", 5, "look at this", quotes=uri_of("ron", "root")),
        act("ann", "like", 6, on=uri_of("ron", "root")),
        act("ann", "unlike", 7, on=None),
        act("bob", "follow", 8, toward="ron"),
        act("ron", "like", 9, on=uri_of("ann", "a")),
        act("ron", "profile_update", 9, text="secret profile"),
    ]

    made, content = run(tmp_path, rows, {"ann": 0, "bob": 0, "ron": 0}, users=RON)

    assert b"ron" not in content
    assert b"secret" not in content
    assert made.user_clusters == {"ann": 0, "bob": 0}
    assert accounted(made) == {
        (0, "post", "author refuses training"): 1,
        (0, "reply", "author refuses training"): 1,
        (0, "like", "author refuses training"): 1,
        (0, "profile_update", "author refuses training"): 1,
        (0, "reply", "written"): 2,
        (0, "quote", "target's author refuses training"): 1,
        (0, "like", "target's author refuses training"): 1,
        (0, "unlike", "target's author refuses training"): 1,
        (0, "follow", "target's author refuses training"): 1,
    }


def test_threads_go_on_below_a_message_that_is_left_out(tmp_path):
    rows = [
        message("ann", "a", 1, "first"),
        message("ron", "mid", 2, "secret", answers=uri_of("ann", "a")),
        message("bob", "b", 3, "last", answers=uri_of("ron", "mid")),
    ]

    made = build(inputs(rows, {"ann": 0, "bob": 0})._replace(left_out=left_out(RON)), tmp_path)

    assert [[one["text"] for one in line] for line in lines_of(made)[0]] == [["first"], ["last"]]


def test_an_account_in_no_cluster_that_refuses_is_counted_as_such(tmp_path):
    rows = [message("ann", "a", 1), message("ron", "r", 2), message("zoe", "z", 3)]

    made, _ = run(tmp_path, rows, {"ann": 0}, users=RON)

    assert accounted(made) == {
        (0, "post", "written"): 1,
        (None, "post", "author refuses training"): 1,
        (None, "post", "user not kept"): 1,
    }


def test_a_deleted_post_is_in_no_line_and_neither_are_its_updates(tmp_path):
    rows = [
        message("ann", "gone", 1, "secret"),
        message("ann", "stays", 2, "kept"),
        message("bob", "b", 3, "an answer", answers=uri_of("ann", "gone")),
        message("ann", "q", 4, "secret quote", quotes=uri_of("bob", "b")),
        act("ann", "post_update", 5, key="gone", on=uri_of("ann", "gone"), text="secret update")
        | {"uri": uri_of("ann", "gone")},
        act("ann", "post_delete", 6, on=uri_of("ann", "gone")) | {"uri": uri_of("ann", "gone")},
        act("bob", "like", 7, on=uri_of("ann", "gone")),
        act("bob", "follow", 8, toward="ann"),
    ]

    made, content = run(tmp_path, rows, {"ann": 0, "bob": 0}, posts=[uri_of("ann", "gone"), uri_of("ann", "q")])

    assert b"secret" not in content
    assert b"kept" in content
    assert accounted(made) == {
        (0, "post", "deleted by its author"): 1,
        (0, "quote", "deleted by its author"): 1,
        (0, "post", "written"): 1,
        (0, "reply", "written"): 1,
        (0, "post_update", "target deleted"): 1,
        (0, "post_delete", "target deleted"): 1,
        (0, "like", "target deleted"): 1,
        (0, "follow", "written"): 1,
    }


def test_a_cluster_whose_users_are_all_left_out_has_no_lines_and_fails_nothing(tmp_path):
    rows = [message("ann", "a", 1), message("ron", "r", 2, "secret")]

    made, content = run(tmp_path, rows, {"ann": 0, "ron": 1}, users=RON, ignored=IgnoredOptions("follows", -1, 9, 0))

    assert b"secret" not in content
    assert accounted(made)[1, "post", "author refuses training"] == 1


def test_a_window_in_which_everybody_is_left_out_has_no_lines(tmp_path):
    made, content = run(tmp_path, [message("ron", "r", 2)], {"ron": 0}, users=RON)

    assert content == b""
    assert made.user_clusters == {}


@pytest.mark.parametrize("source", ["follows", "cluster"])
def test_ignored_messages_are_neither_by_nor_shown_by_an_account_that_is_left_out(tmp_path, source):
    users = ["ann", "bob", "cyd", "dan", "eve"]
    rows = [message("ron", str(n), 2 * HOUR + n, f"secret {n}") for n in range(3)]
    rows += [message("star", str(n), 2 * HOUR + n, f"of the star {n}") for n in range(3)]
    rows += [act(user, "follow", HOUR, key=f"f{to}", toward=to) for user in users for to in ("ron", "star")]
    rows += [act("ron", "like", 3 * HOUR, on=uri_of("star", "0"))]
    rows += [message(user, "later", 4 * HOUR, "later on") for user in users]
    vectors = {row["uri"]: [1.0, 0.5] for row in rows if row["uri"] and "post" in row["uri"]}
    given_inputs = inputs(rows, dict.fromkeys(users, 0), vectors=vectors)._replace(left_out=left_out(RON))

    made = build(given_inputs, tmp_path, ignored=IgnoredOptions(source, -1, 9, 0))
    content = b"".join(bytes(lines) for _, lines, _ in made.lines)
    evidence = pa.parquet.read_table(made.ignored_evidence).to_pylist()

    assert made.n_ignored
    assert b"ron" not in content
    assert b"secret" not in content
    assert "ron" not in str(evidence)


PEOPLE = ["ann", "bob", "ron"]
ACTIONS = st.one_of(
    st.tuples(st.just("post"), st.sampled_from(PEOPLE), st.sampled_from("12"), st.none()),
    st.tuples(
        st.sampled_from(["reply", "quote", "like", "unlike", "post_update", "post_delete", "follow"]),
        st.sampled_from(PEOPLE),
        st.sampled_from("12"),
        st.sampled_from(list(itertools.product(PEOPLE, "12"))),
    ),
)


def to_row(at, action, user, key, on):
    target = uri_of(*on) if on else None
    if action in {"post", "reply", "quote"}:
        text = f"text-of-{user}-{key}"
        return message(
            user,
            key,
            at,
            text,
            answers=target if action == "reply" else None,
            quotes=target if action == "quote" else None,
        )
    if action in {"post_update", "post_delete"}:
        own = uri_of(user, key)
        return act(user, action, at, on=own, text=f"text-of-{user}-{key}") | {"uri": own}
    return act(user, action, at, key=key, on=target, toward=on[0] if action == "follow" else None)


@given(st.lists(ACTIONS, max_size=14), st.sets(st.sampled_from("12")), st.booleans())
@settings(max_examples=60)
def test_every_action_of_any_window_is_counted_once_and_nothing_left_out_is_written(
    tmp_path_factory, actions, deleted, refuses
):
    rows = [to_row(at, *action) for at, action in enumerate(actions)]
    posts = [uri_of("ann", key) for key in deleted]
    if not rows:
        return

    made, content = run(
        tmp_path_factory.mktemp("window"), rows, dict.fromkeys(PEOPLE, 0), users=RON if refuses else {}, posts=posts
    )

    assert sum(row["actions"] for row in made.accounting.to_pylist()) == len(rows)
    assert not (refuses and b"ron" in content)
    assert [key for key in deleted if f"text-of-ann-{key}".encode() in content] == []


def test_outcomes_are_told_of_authors_and_targets():
    assert outcome_for_author("refuses training") == "author refuses training"
    assert outcome_for_author("account deleted") == "author's account deleted"
    assert outcome_for_target("author refuses training") == "target's author refuses training"
