"""What a window must not have: accounts by their statements and status, and posts by their deletions."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.consent.left_out import (
    ConsentTables,
    count_by_reason,
    find_left_out,
    is_in_sorted,
    leave_out_rules,
    leave_out_users,
)
from persona_assets.consent.schemas import CONSENTS, DELETED_POSTS


def consents_of(**said):
    """Return `CONSENTS`: what each user says, by column."""
    rows = [{"user_id": user, "no_unauthenticated": False, "bot": False, **columns} for user, columns in said.items()]
    return pads.dataset(pa.Table.from_pylist([{n: row.get(n) for n in CONSENTS.names} for row in rows], CONSENTS))


def deletions_of(*rows):
    """Return `DELETED_POSTS` of (user, key, time)."""
    return pads.dataset(
        pa.Table.from_pylist(
            [{"uri": uri(user, key), "user_id": user, "event_time_us": at} for user, key, at in rows], DELETED_POSTS
        )
    )


def uri(user, key):
    return f"at://{user}/app.bsky.feed.post/{key}"


def actions_of(*rows):
    """Return `USER_ACTIONS` of (user, action, key, time) or (user, "follow", target, time)."""
    return pads.dataset(
        pa.Table.from_pylist(
            [
                {
                    "user_id": user,
                    "action": action,
                    "event_time_us": at,
                    "uri": uri(user, key),
                    "target_user_id": key if action == "follow" else None,
                }
                for user, action, key, at in rows
            ],
            tables.USER_ACTIONS,
        )
    )


def find(  # noqa: PLR0913 - each test names only what matters to it
    tmp_path, rows, *, consents=None, deleted=None, output="embeddings", deletions="drop", **undefined
):
    found = find_left_out(
        rows,
        ConsentTables(consents, deleted),
        leave_out_rules(output, deletions=deletions, **undefined),
        memory_limit="1GB",
        scratch=tmp_path,
    )
    users = dict(zip(found.users["user_id"].to_pylist(), found.users["reason"].to_pylist(), strict=True))
    return users, found.posts.to_pylist()


WINDOW = actions_of(("ann", "post", "1", 10), ("bob", "reply", "1", 20), ("cyd", "follow", "dan", 30))


def test_accounts_of_the_window_that_refuse_are_left_out_with_their_reason(tmp_path):
    said = consents_of(
        ann={"embedding_allow": False},
        bob={"embedding_allow": True, "training_allow": False},
        dan={"training_allow": False, "embedding_allow": False},
        eve={"embedding_allow": False},
    )

    assert find(tmp_path, WINDOW, consents=said) == ({"ann": "refuses embedding", "dan": "refuses embedding"}, [])
    assert find(tmp_path, WINDOW, consents=said, output="cluster_jsonl")[0] == {
        "bob": "refuses training",
        "dan": "refuses training",
    }


def test_the_lack_of_a_statement_counts_as_the_setting_says(tmp_path):
    said = consents_of(ann={"embedding_allow": True}, bob={"training_allow": True})
    silent = "does not say that it allows embedding"

    assert find(tmp_path, WINDOW, consents=said, embedding="allow")[0] == {}
    assert find(tmp_path, WINDOW, consents=said, embedding="deny")[0] == {"bob": silent, "cyd": silent, "dan": silent}
    assert find(tmp_path, WINDOW, embedding="deny")[0] == dict.fromkeys(("ann", "bob", "cyd", "dan"), silent)
    assert find(tmp_path, WINDOW, training="deny")[0] == {}  # which this output does not need


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("deleted", "account deleted"),
        ("takendown", "account taken down"),
        ("deactivated", "account deactivated"),
        ("active", None),
    ],
)
def test_accounts_that_are_gone_are_left_out_unless_deletions_are_kept(tmp_path, status, reason):
    said = consents_of(ann={"account_status": status})

    assert find(tmp_path, WINDOW, consents=said)[0] == ({"ann": reason} if reason else {})
    assert find(tmp_path, WINDOW, consents=said, deletions="keep")[0] == {}


def test_a_post_is_left_out_if_it_was_deleted_after_it_was_written_on_whatever_day(tmp_path):
    deleted = deletions_of(("ann", "1", 9), ("bob", "1", 10**12), ("zoe", "1", 99))

    assert find(tmp_path, WINDOW, deleted=deleted) == ({}, [uri("bob", "1")])
    assert find(tmp_path, WINDOW, deleted=deleted, deletions="keep") == ({}, [])


def test_deletions_among_the_actions_count_too(tmp_path):
    rows = actions_of(("ann", "post", "1", 10), ("ann", "post_delete", "1", 11), ("bob", "post", "1", 20))

    assert find(tmp_path, rows) == ({}, [uri("ann", "1")])


def test_a_record_that_was_created_again_after_its_deletion_is_left_out_for_its_first_text(tmp_path):
    rows = actions_of(("ann", "post", "1", 10), ("ann", "post", "1", 30))

    assert find(tmp_path, rows, deleted=deletions_of(("ann", "1", 20)))[1] == [uri("ann", "1")]


def test_vectors_have_no_time_so_that_any_deletion_counts(tmp_path):
    schema = tables.embeddings_schema(2)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(4, np.float16)), type=schema.field("vector").type)
    rows = pads.dataset(pa.table([[uri("ann", "1"), uri("bob", "1")], ["ann", "bob"], vectors], schema=schema))

    found = find(
        tmp_path, rows, consents=consents_of(bob={"embedding_allow": False}), deleted=deletions_of(("ann", "1", 0))
    )

    assert found == ({"bob": "refuses embedding"}, [uri("ann", "1")])


def test_nothing_is_left_out_where_nobody_said_anything(tmp_path):
    assert find(tmp_path, WINDOW) == ({}, [])


def test_users_are_removed_and_counted_once_by_reason(tmp_path):
    said = consents_of(ann={"embedding_allow": False}, bob={"account_status": "deleted"})
    left_out = find_left_out(
        WINDOW,
        ConsentTables(said, None),
        leave_out_rules("embeddings", deletions="drop"),
        memory_limit="1GB",
        scratch=tmp_path,
    )
    users = pa.table({"user_id": ["ann", "ann", "cyd"]})

    assert count_by_reason(left_out, users["user_id"]) == {"refuses embedding": 1}
    assert leave_out_users(users, left_out)["user_id"].to_pylist() == ["cyd"]


@given(st.lists(st.text(max_size=3)), st.lists(st.text(max_size=3)))
def test_marking_among_sorted_values_is_the_same_as_among_any(values, among):
    values, among = pa.array(values, pa.string()), pa.array(sorted(set(among), key=str.encode), pa.string())

    assert is_in_sorted(values, among).to_pylist() == pc.is_in(values, value_set=among).to_pylist()
