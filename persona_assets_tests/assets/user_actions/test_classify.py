import numpy as np

from persona_assets import tables
from persona_assets.assets.user_actions.classify import (
    ACTION_BY_OPERATION,
    NO_ACTION,
    build_action_rows,
    find_action_codes,
    select_action_events,
)
from persona_assets_tests.assets.user_actions.builders import BOB, LIKE, POST, commit, event, table_of


def batch_of(events):
    (batch,) = table_of(events).combine_chunks().to_batches()
    return batch


def actions(codes):
    return [None if code == NO_ACTION else tables.ACTIONS[code] for code in codes]


def test_events_get_the_codes_of_their_actions():
    events = [commit(LIKE), commit(POST, quoted_uri="q", parent_uri="p"), commit("a.b"), event(kind="account")]

    assert actions(find_action_codes(batch_of(events))) == ["like", "quote", None, "account_status"]


def rows_of(events):
    """Return the rows of events that are all of one action."""
    batch = batch_of(events)
    selected = select_action_events(batch, find_action_codes(batch))
    (action,) = set(actions(selected.codes))
    return build_action_rows(action, selected.events)


def test_events_are_sorted_by_action_and_keep_their_order():
    batch = batch_of([commit(LIKE, rkey="1"), commit(POST, rkey="2"), commit(LIKE, rkey="3"), commit("a.b")])

    selected = select_action_events(batch, find_action_codes(batch))

    assert actions(selected.codes) == ["post", "like", "like"]
    assert selected.events["rkey"].to_pylist() == ["2", "1", "3"]


def test_events_without_action_are_left_out():
    batch = batch_of([commit(LIKE), commit(LIKE)])

    assert len(select_action_events(batch, np.array([NO_ACTION, NO_ACTION], np.int8)).events) == 0


def test_every_action_has_the_collection_of_its_records_in_its_uri():
    of_action = {action: collection for (collection, _), action in ACTION_BY_OPERATION.items()}
    for (collection, operation), action in ACTION_BY_OPERATION.items():
        (uri,) = rows_of([commit(collection, rkey="1", operation=operation)])["uri"].to_pylist()
        assert uri.split("/")[3:] == [of_action[action], "1"]
    assert rows_of([event(kind="account")])["uri"].to_pylist() == [None]


def test_only_uris_with_a_did_have_an_owner():
    uris = [f"at://{BOB}/{POST}/1", f"at://{BOB}", "at://bob.example/x/1", "0" * 64, ""]

    rows = rows_of([commit(LIKE, subject_uri=uri) for uri in uris])

    assert rows["target_user_id"].to_pylist() == [BOB, BOB, None, None, None]
