import numpy as np

from persona_assets import tables
from persona_assets.assets.user_actions.classify import NO_ACTION, build_action_rows, find_action_codes
from persona_assets_tests.assets.user_actions.builders import BOB, LIKE, POST, commit, event, table_name_of


def batch_of(events):
    (batch,) = table_name_of(events).combine_chunks().to_batches()
    return batch


def actions(codes):
    return [None if code == NO_ACTION else tables.ACTIONS[code] for code in codes]


def test_events_get_the_codes_of_their_actions():
    events = [commit(LIKE), commit(POST, quoted_uri="q", parent_uri="p"), commit("a.b"), event(kind="account")]

    assert actions(find_action_codes(batch_of(events))) == ["like", "quote", None, "account_status"]


def test_rows_are_sorted_by_action_and_keep_the_order_of_their_events():
    batch = batch_of([commit(LIKE, rkey="1"), commit(POST, rkey="2"), commit(LIKE, rkey="3"), commit("a.b")])

    classified = build_action_rows(batch, find_action_codes(batch))

    assert actions(classified.codes) == ["post", "like", "like"]
    assert [uri.rpartition("/")[2] for uri in classified.rows["uri"].to_pylist()] == ["2", "1", "3"]


def test_events_without_action_get_no_row():
    batch = batch_of([commit(LIKE), commit(LIKE)])

    assert len(build_action_rows(batch, np.array([NO_ACTION, NO_ACTION], np.int8)).rows) == 0


def test_only_uris_with_a_did_have_an_owner():
    uris = [f"at://{BOB}/{POST}/1", f"at://{BOB}", "at://bob.example/x/1", "0" * 64, ""]
    batch = batch_of([commit(LIKE, subject_uri=uri) for uri in uris])

    classified = build_action_rows(batch, find_action_codes(batch))

    assert classified.rows["target_user_id"].to_pylist() == [BOB, BOB, None, None, None]
