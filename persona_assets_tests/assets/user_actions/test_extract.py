import datetime as dt
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow.dataset as pads
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from persona_assets import tables
from persona_assets.assets.raw_events import parse
from persona_assets.assets.user_actions import extract as extract_module
from persona_assets.assets.user_actions.classify import ACTION_BY_OPERATION
from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.capture.files import find_files
from persona_assets.common.columns import require_schema
from persona_assets.sample.write import write_capture
from persona_assets_tests.assets.raw_events.builders import read_day
from persona_assets_tests.assets.user_actions.builders import (
    ALICE,
    BLOCK,
    BOB,
    BOBS_POST,
    FOLLOW,
    LIKE,
    POST,
    PROFILE,
    REPOST,
    Extraction,
    commit,
    event,
    extract,
)

CARLS_POST = f"at://did:plc:carl/{POST}/7"


def own(collection, rkey="k"):
    return f"at://{ALICE}/{collection}/{rkey}"


EVERY_ACTION = {
    "post": (commit(POST, rkey="k", text="hi", langs=["en"]), {"text": "hi", "langs": ["en"], "uri": own(POST)}),
    "post without text": (commit(POST, rkey="k"), {"action": "post", "uri": own(POST)}),
    "reply": (
        commit(POST, rkey="k", text="yes", parent_uri=BOBS_POST, root_uri=CARLS_POST),
        {
            "text": "yes",
            "uri": own(POST),
            "parent_uri": BOBS_POST,
            "root_uri": CARLS_POST,
            "target_uri": BOBS_POST,
            "target_user_id": BOB,
        },
    ),
    "quote": (
        commit(POST, rkey="k", text="look", quoted_uri=BOBS_POST),
        {
            "text": "look",
            "uri": own(POST),
            "quoted_uri": BOBS_POST,
            "target_uri": BOBS_POST,
            "target_user_id": BOB,
        },
    ),
    "quote that is a reply too": (
        commit(POST, rkey="k", text="both", quoted_uri=BOBS_POST, parent_uri=CARLS_POST, root_uri=CARLS_POST),
        {
            "action": "quote",
            "text": "both",
            "uri": own(POST),
            "quoted_uri": BOBS_POST,
            "parent_uri": CARLS_POST,
            "root_uri": CARLS_POST,
            "target_uri": BOBS_POST,
            "target_user_id": BOB,
        },
    ),
    "like": (
        commit(LIKE, rkey="k", subject_uri=BOBS_POST),
        {"uri": own(LIKE), "target_uri": BOBS_POST, "target_user_id": BOB},
    ),
    "like of a handle's record": (
        commit(LIKE, rkey="k", subject_uri="at://bob.example/app.bsky.feed.post/1"),
        {"action": "like", "uri": own(LIKE), "target_uri": "at://bob.example/app.bsky.feed.post/1"},
    ),
    "repost": (
        commit(REPOST, rkey="k", subject_uri=BOBS_POST),
        {"uri": own(REPOST), "target_uri": BOBS_POST, "target_user_id": BOB},
    ),
    "follow": (commit(FOLLOW, rkey="k", subject_did=BOB), {"uri": own(FOLLOW), "target_user_id": BOB}),
    "block": (commit(BLOCK, rkey="k", subject_did=BOB), {"uri": own(BLOCK), "target_user_id": BOB}),
    "unlike": (commit(LIKE, "delete", rkey="k"), {"uri": own(LIKE)}),
    "unrepost": (commit(REPOST, "delete", rkey="k"), {"uri": own(REPOST)}),
    "unfollow": (commit(FOLLOW, "delete", rkey="k"), {"uri": own(FOLLOW)}),
    "unblock": (commit(BLOCK, "delete", rkey="k"), {"uri": own(BLOCK)}),
    "post_update": (
        commit(POST, "update", rkey="k", text="better", langs=["en"]),
        {
            "text": "better",
            "langs": ["en"],
            "uri": own(POST),
            "target_uri": own(POST),
            "target_user_id": ALICE,
        },
    ),
    "post_update of a quote": (
        commit(POST, "update", rkey="k", text="better", quoted_uri=BOBS_POST),
        {
            "action": "post_update",
            "text": "better",
            "uri": own(POST),
            "quoted_uri": BOBS_POST,
            "target_uri": own(POST),
            "target_user_id": ALICE,
        },
    ),
    "post_delete": (
        commit(POST, "delete", rkey="k"),
        {"uri": own(POST), "target_uri": own(POST), "target_user_id": ALICE},
    ),
    "profile_update": (
        commit(PROFILE, "update", rkey="self", text="me"),
        {
            "text": "me",
            "uri": own(PROFILE, "self"),
            "target_uri": own(PROFILE, "self"),
            "target_user_id": ALICE,
        },
    ),
    "profile_update by the first one": (
        commit(PROFILE, "create", rkey="self", text="me"),
        {
            "action": "profile_update",
            "text": "me",
            "uri": own(PROFILE, "self"),
            "target_uri": own(PROFILE, "self"),
            "target_user_id": ALICE,
        },
    ),
    "account_status": (
        event(kind="account", account_active=False, account_status="takendown", seq=4),
        {"account_status": "takendown"},
    ),
    "account_status of one that is back": (
        event(kind="account", account_active=True, seq=4),
        {"action": "account_status", "account_status": "active"},
    ),
    "account_status of one that says no more": (
        event(kind="account", account_active=False, seq=4),
        {"action": "account_status", "account_status": "inactive"},
    ),
}


@pytest.mark.parametrize("name", EVERY_ACTION)
def test_each_event_becomes_its_action_with_its_columns(name, tmp_path):
    given_event, expected = EVERY_ACTION[name]

    found = extract([given_event], tmp_path)

    assert found.only() == {"user_id": ALICE, "event_time_us": 1, "action": name} | expected


def test_every_action_of_the_table_can_be_made():
    assert {*ACTION_BY_OPERATION.values(), "reply", "quote", "account_status"} == set(tables.ACTIONS)


@pytest.mark.parametrize(
    ("no_action", "name"),
    [
        (commit("app.bsky.graph.listitem"), "app.bsky.graph.listitem create"),
        (commit(LIKE, "update", subject_uri=BOBS_POST), "app.bsky.feed.like update"),
        (commit(PROFILE, "delete"), "app.bsky.actor.profile delete"),
        (event(kind="identity", seq=3), "identity"),
        (event(kind="sync", seq=3), "sync"),
    ],
)
def test_events_without_action_are_counted_by_kind(no_action, name, tmp_path):
    found = extract([no_action], tmp_path)

    assert found.rows == []
    assert found.found.no_action == {name: 1}


def test_an_event_delivered_again_later_counts_once_at_its_earliest_time(tmp_path):
    first = commit(LIKE, subject_uri=BOBS_POST, event_time_us=5)

    found = extract([first | {"event_time_us": 9}, first, first | {"event_time_us": 7}], tmp_path)

    assert [row["event_time_us"] for row in found.rows] == [5]
    assert found.found.duplicates == 2


@pytest.mark.parametrize("column", ["user_id", "collection", "rkey", "operation", "rev"])
def test_events_that_differ_in_any_part_of_their_key_both_count(column, tmp_path):
    other = {"user_id": BOB, "collection": REPOST, "rkey": "other", "operation": "delete", "rev": "other"}
    first = commit(LIKE, subject_uri=BOBS_POST)

    found = extract([first, first | {column: other[column]}], tmp_path)

    assert len(found.rows) == 2


def test_account_events_with_equal_sequence_numbers_are_duplicates(tmp_path):
    status = event(kind="account", account_active=True, seq=4)

    found = extract([status, status | {"event_time_us": 2}, status | {"seq": 5}], tmp_path)

    assert len(found.rows) == 2
    assert found.found.duplicates == 1


def test_events_without_revision_and_sequence_number_are_distinguished_by_time(tmp_path):
    update = commit(POST, "update", rev=None, text="a")
    status = event(kind="account", account_active=True)

    found = extract([update, update, update | {"event_time_us": 2}, status, status | {"event_time_us": 2}], tmp_path)

    assert len(found.rows) == 4
    assert found.found.duplicates == 1


def test_a_like_without_revision_that_two_recorders_saw_counts_once_at_its_earliest_time(tmp_path):
    like = commit(LIKE, rev=None, subject_uri=BOBS_POST)

    found = extract([like | {"event_time_us": at} for at in (7, 5)], tmp_path)

    assert [row["event_time_us"] for row in found.rows] == [5]
    assert found.found.read == found.found.actions.total() + found.found.duplicates == 2


KEYS = {"rkey": ["a", "b"], "rev": ["1", None], "event_time_us": [1, 2, 3], "user_id": [ALICE, BOB]}
SOME_EVENTS = st.sampled_from(
    [
        {"kind": "commit", "collection": POST, "operation": "create", "text": "x"},
        {"kind": "commit", "collection": POST, "operation": "create", "text": "x\0y", "quoted_uri": BOBS_POST},
        {"kind": "commit", "collection": POST, "operation": "delete"},
        {"kind": "commit", "collection": LIKE, "operation": "create", "subject_uri": BOBS_POST},
        {"kind": "commit", "collection": "com.example.thing", "operation": "create"},
        {"kind": "account", "account_active": True, "seq": 1},
        {"kind": "identity", "seq": 1},
    ]
)
DAYS = st.lists(
    st.builds(
        lambda said, key: event(
            **({**key, **said} if said["kind"] == "commit" else {**said, "user_id": key["user_id"]})
        ),
        SOME_EVENTS,
        st.fixed_dictionaries({name: st.sampled_from(values) for name, values in KEYS.items()}),
    ),
    max_size=40,
)
few = settings(max_examples=30)


def extract_anywhere(events, **options):
    with tempfile.TemporaryDirectory() as folder:
        return extract(events, Path(folder), **options)


@few
@given(DAYS)
def test_actions_duplicates_and_events_without_action_add_up_to_the_events_read(events):
    found = extract_anywhere(events).found

    assert found.read == len(events) == found.actions.total() + found.duplicates + found.no_action.total()
    assert found.duplicates >= 0


@few
@given(DAYS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_the_order_of_events_does_not_matter_and_twice_gives_the_same_bytes(events, rng, batch_rows):
    shuffled = rng.sample(events, len(events))

    assert extract_anywhere(shuffled, batch_rows=batch_rows).bytes == extract_anywhere(events).bytes


def test_rows_are_sorted_by_action_then_time_then_user(tmp_path):
    events = [
        commit(collection, event_time_us=time, user_id=user)
        for collection in (LIKE, POST, REPOST)
        for time in (3, 1, 2)
        for user in (BOB, ALICE)
    ]

    rows = extract(events, tmp_path).rows

    keys = [(row["action"], row["event_time_us"], row["user_id"]) for row in rows]
    assert keys == sorted(keys)


def test_the_table_has_the_declared_schema(tmp_path):
    for events in ([], [commit(POST)]):
        require_schema(extract(events, tmp_path).table.schema, tables.USER_ACTIONS, table="user_actions")


ACTION_BY_KIND = {
    "account": "account_status",
    f"{POST} create": "post",
    f"{POST} update": "post_update",
    f"{POST} delete": "post_delete",
    f"{PROFILE} create": "profile_update",
    f"{PROFILE} update": "profile_update",
    **{
        f"{collection} {operation}": f"{prefix}{name}"
        for collection, name in {LIKE: "like", REPOST: "repost", FOLLOW: "follow", BLOCK: "block"}.items()
        for operation, prefix in {"create": "", "delete": "un"}.items()
    },
}


def test_a_generated_day_has_the_planted_numbers_of_actions(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "persona_assets.assets.user_actions.extract.sort_by_all_columns", None
    )  # raw_events come sorted
    capture = tmp_path / "generated"
    manifest = write_capture(capture, days=1, start_date=dt.date(2025, 3, 1), users=1500, personas=8, seed=11)
    planted = Counter()
    for kind, number in manifest.kinds.items():
        planted[ACTION_BY_KIND.get(kind, "none")] += number

    read = read_day(capture, tmp_path / "raw")
    dataset = pads.dataset(tmp_path / "raw" / "raw_events.parquet")
    found = Extraction(extract_distinct_actions(dataset, memory_limit="512MB", scratch=tmp_path))

    assert (read.counts.lines, len(read.rejected)) == (manifest.lines, sum(manifest.malformed.values()))
    assert (found.found.read, found.found.duplicates) == (manifest.events + manifest.duplicates, manifest.duplicates)
    assert manifest.duplicates > 50
    assert found.found.no_action.total() == planted.pop("none")
    both = manifest.messages["reply that quotes"]
    messages = {name: manifest.messages[name] for name in ("post", "reply")}
    messages["quote"] = manifest.messages["quote"] + both
    assert planted.pop("post") == sum(messages.values())
    assert found.found.actions == planted | messages
    assert set(found.found.actions) == set(tables.ACTIONS)
    assert sum(row["action"] == "quote" and row["parent_uri"] is not None for row in found.rows) == both > 100


@pytest.mark.slow
def test_scratch_is_at_most_a_quarter_of_the_lines(tmp_path, monkeypatch):
    write_capture(tmp_path / "capture", days=1, start_date=dt.date(2025, 3, 1), users=1500, personas=8, seed=3)
    found = {}

    def measuring(name, function):
        def measure(*arguments, **options):
            files = [file for file in tmp_path.rglob("*.arrow*") if file.is_file()]
            found[name] = sum(file.stat().st_size for file in files)
            return function(*arguments, **options)

        return measure

    monkeypatch.setattr(parse, "merge_runs", measuring("raw_events", parse.merge_runs))
    monkeypatch.setattr(extract_module, "write_parquet", measuring("user_actions", extract_module.write_parquet))
    files = find_files(UPath(tmp_path / "capture"), dt.date(2025, 3, 1), pattern=None)
    for name in ("raw", "actions"):
        (tmp_path / name).mkdir()
    parsed = parse.parse_files(files, day=dt.date(2025, 3, 1), workers=1, scratch=tmp_path / "raw")
    extracted = extract_distinct_actions(
        pads.dataset(parsed.raw_events), memory_limit="500MB", scratch=tmp_path / "actions"
    )

    lines = parsed.counts.line_bytes
    assert 0 < found["raw_events"] < lines / 4
    assert 0 < found["user_actions"] < lines / 4
    assert [file.name for file in (tmp_path / "actions").iterdir()] == [extracted.user_actions.name]
