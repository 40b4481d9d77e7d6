"""Selection of users by their number of English posts."""

from collections import Counter

import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.assets.english_users.select import select_english_users
from persona_assets_tests.consent.builders import left_out

ACTIONS = ("post", "reply", "quote", "like", "post_delete")


def actions(rows: list[tuple[str, str]]) -> pa.Table:
    """Make `user_actions` with one row per (user, action), each with a unique URI."""
    made = [
        {"user_id": user, "action": action, "event_time_us": n, "uri": f"at://{user}/{action}/{n}"}
        for n, (user, action) in enumerate(rows)
    ]
    return pa.Table.from_pylist(made, schema=tables.USER_ACTIONS)


def english(rows: list[tuple[str, str]], *, of: pa.Table) -> pa.Table:
    """Make `english_posts` of the posts in `of` whose user starts with "e"."""
    made = [
        {**row, "text": "hello", "is_english": True, "language_reason": "declared"}
        for row, (user, action) in zip(
            of.select(["uri", "user_id", "action", "event_time_us"]).to_pylist(), rows, strict=True
        )
        if user.startswith("e") and action in tables.MESSAGES
    ]
    return pa.Table.from_pylist(made, schema=tables.ENGLISH_POSTS)


def select(wrote: pa.Table, in_english: pa.Table, scratch, *, min_english_posts: int = 2):
    return select_english_users(
        pads.dataset(in_english),
        pads.dataset(wrote),
        min_english_posts=min_english_posts,
        memory_limit="200MB",
        scratch=scratch,
    )


def test_a_user_needs_two_english_messages_of_any_kind(tmp_path):
    rows = [("e1", "post"), ("e1", "quote"), ("e2", "reply"), ("e2", "like"), ("g1", "post")]
    wrote = actions(rows)

    users, dropped = select(wrote, english(rows, of=wrote), tmp_path)

    assert users.to_pylist() == [{"user_id": "e1", "posts": 2, "english_posts": 2, "english_share": 1.0}]
    assert dropped == {"1 of 2 English posts": 1, "0 of 2 English posts": 1}


def test_a_post_delivered_on_two_days_counts_once(tmp_path):
    rows = [("e1", "post"), ("e2", "post"), ("e2", "post")]
    wrote = actions(rows)
    in_english = english(rows, of=wrote)

    users, _ = select(pa.concat_tables([wrote, wrote]), pa.concat_tables([in_english, in_english]), tmp_path)

    assert users["user_id"].to_pylist() == ["e2"]


@pytest.mark.parametrize("min_english_posts", [1, 3])
def test_a_window_without_posts_keeps_nobody(tmp_path, min_english_posts):
    rows = [("e1", "like")]
    wrote = actions(rows)

    users, dropped = select(wrote, english(rows, of=wrote), tmp_path, min_english_posts=min_english_posts)

    assert users.schema == tables.ENGLISH_USERS
    assert (users.num_rows, dropped) == (0, {})


@settings(max_examples=30)
@given(rows=st.lists(st.tuples(st.sampled_from(["e1", "e2", "e3", "g1"]), st.sampled_from(ACTIONS))), data=st.data())
def test_kept_and_dropped_users_are_all_who_posted_in_any_order(rows, data, tmp_path_factory):
    wrote = actions(rows)
    order = data.draw(st.permutations(range(len(rows))))
    scratch = tmp_path_factory.mktemp("scratch")

    users, dropped = select(wrote, english(rows, of=wrote), scratch)
    shuffled, _ = select(wrote.take(pa.array(order, pa.int64())), english(rows, of=wrote), scratch)

    posts = Counter(user for user, action in rows if action in tables.MESSAGES)
    assert users.num_rows + sum(dropped.values()) == len(posts)
    assert users["posts"].to_pylist() == [posts[user] for user in users["user_id"].to_pylist()]
    assert users.equals(shuffled)


def test_users_who_are_left_out_are_dropped_by_reason_and_deleted_posts_do_not_count(tmp_path):
    rows = [("e1", "post"), ("e1", "post"), ("e2", "post"), ("e2", "reply"), ("e3", "post"), ("e3", "post")]
    wrote = actions(rows)
    gone = [uri for uri in wrote["uri"].to_pylist() if "e2" in uri] + wrote["uri"].to_pylist()[4:5]

    selected = select_english_users(
        pads.dataset(english(rows, of=wrote)),
        pads.dataset(wrote),
        left_out=left_out({"e1": "refuses embedding"}, gone),
        min_english_posts=1,
        memory_limit="200MB",
        scratch=tmp_path,
    )

    assert selected.users.select(["user_id", "posts", "english_posts"]).to_pylist() == [
        {"user_id": "e3", "posts": 1, "english_posts": 1}
    ]
    assert selected.dropped == {"0 of 1 English posts": 1, "refuses embedding": 1}
