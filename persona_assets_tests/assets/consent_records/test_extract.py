import datetime as dt

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.assets.consent_records.extract import REPLACED, extract_statements
from persona_assets.assets.consent_records.statements import NOT_READABLE, OTHER_RECORD
from persona_assets.common.lexicon import AI_PREFERENCE, LIKE, POST, PROFILE
from persona_assets.consent.schemas import CONSENT_RECORDS, DELETED_POSTS
from persona_assets_tests.assets.consent_records.builders import (
    ALICE,
    BOB,
    account,
    collection,
    commit,
    entity,
    event,
    extract,
    intents,
    preference,
    profile,
    short,
)

AI_URI = f"at://{ALICE}/{AI_PREFERENCE}/self"


def test_each_purpose_of_a_record_is_a_row(tmp_path):
    found, table = extract([preference(allow={"training": False, "embedding": True}, rev="3k")], tmp_path)

    same = {"user_id": ALICE, "event_time_us": 1, "rev": "3k", "kind": "ai_preference", "record": AI_URI}
    same |= {"operation": "create", "scope": "global"}
    assert table.schema.equals(CONSENT_RECORDS)
    assert short(table) == [
        same | {"purpose": "embedding", "allow": True},
        same | {"purpose": "training", "allow": False},
    ]
    assert found.events == found.states == {"ai_preference": 1}
    assert found.dropped == {}


def test_all_kinds_of_statements(tmp_path):
    events = [
        intents(allow={"bulkDataset": False}),
        preference(entity("lab.example"), rkey="3kabc", allow={"inference": False}),
        preference(collection(LIKE), rkey="3kabd", allow={"inference": True}),
        profile("!no-unauthenticated", "bot", "other"),
        profile("bot", user_id=BOB),
        profile(user_id="did:plc:carol"),
        account("takendown"),
        account("active", user_id=BOB),
        account(None, user_id="did:plc:carol"),
        commit(AI_PREFERENCE, "delete", rkey="3kabe"),
    ]

    found, table = extract(events, tmp_path)

    assert [
        (row["kind"], row["scope"], row["scope_value"], row["purpose"], row["allow"], row["operation"])
        for row in table.to_pylist()
        if row["kind"] in {"ai_preference", "user_intents"}
    ] == [
        ("ai_preference", "entity", "lab.example", "inference", False, "create"),
        ("ai_preference", "collection", LIKE, "inference", True, "create"),
        ("ai_preference", None, None, None, None, "delete"),
        ("user_intents", "global", None, "bulk_dataset", False, "create"),
    ]
    assert {
        row["user_id"]: (row["no_unauthenticated"], row["bot"])
        for row in table.to_pylist()
        if row["kind"] == "self_labels"
    } == {ALICE: (True, True), BOB: (False, True), "did:plc:carol": (False, False)}
    assert {row["user_id"]: row["account_status"] for row in table.to_pylist() if row["kind"] == "account_status"} == {
        ALICE: "takendown",
        BOB: "active",
        "did:plc:carol": "inactive",
    }
    assert found.events == {"ai_preference": 3, "user_intents": 1, "self_labels": 3, "account_status": 3}


def test_of_a_record_and_of_an_account_the_last_state_is_kept(tmp_path):
    events = [
        preference(allow={"training": False}, event_time_us=1),
        preference(allow={"inference": False}, event_time_us=5, operation="update"),
        preference(allow={"embedding": False}, event_time_us=3, operation="update"),
        account("deactivated", event_time_us=2),
        account("active", event_time_us=4),
        profile("bot", event_time_us=1),
        commit(PROFILE, "delete", event_time_us=2),
    ]

    found, table = extract(events, tmp_path)

    assert [(row["kind"], row.get("purpose"), row.get("account_status"), row.get("bot")) for row in short(table)] == [
        ("account_status", None, "active", None),
        ("ai_preference", "inference", None, None),
        ("self_labels", None, None, False),
    ]
    assert found.dropped == {REPLACED: 4}


def test_a_revision_decides_between_events_of_the_same_time(tmp_path):
    events = [
        preference(allow={"training": value}, rev=rev) for rev, value in (("3b", False), ("3c", True), (None, False))
    ]

    _, table = extract(events, tmp_path)

    assert [row["allow"] for row in short(table)] == [True]


def test_states_of_one_time_that_nothing_tells_apart_are_kept_together(tmp_path):
    events = [preference(allow={"training": value}) for value in (True, False)]
    deleted = commit(AI_PREFERENCE, "delete")

    _, table = extract([*events, deleted], tmp_path)

    assert [row["allow"] for row in short(table)] == [False, True]


def test_a_record_that_names_no_purpose_still_replaces_the_one_before_it(tmp_path):
    _, table = extract([preference(), intents(allow={"protocolBridging": False})], tmp_path)

    assert [(row["kind"], row.get("purpose")) for row in short(table)] == [
        ("ai_preference", None),
        ("user_intents", None),
    ]


def test_what_cannot_be_read_replaces_nothing_and_is_counted(tmp_path):
    events = [
        preference(allow={"training": False}, event_time_us=1),
        preference(event_time_us=2, operation="update", preference_json=None),
        preference(event_time_us=3, operation="update", preference_json="["),
        intents(allow={"bulkDataset": False}, rkey="other"),
        profile("bot", rkey="other"),
    ]

    found, table = extract(events, tmp_path)

    assert [(row["event_time_us"], row["allow"]) for row in short(table)] == [(1, False)]
    assert found.dropped == {NOT_READABLE: 2, OTHER_RECORD: 2}
    assert found.problems.total() == 2


def test_deleted_posts_are_listed_once_with_the_last_deletion(tmp_path):
    events = [
        commit(POST, "delete", rkey="a", event_time_us=1),
        commit(POST, "delete", rkey="a", event_time_us=4),
        commit(POST, "create", rkey="b", event_time_us=2),
        commit(LIKE, "delete", rkey="c", event_time_us=3),
    ]

    found, table = extract(events, tmp_path)

    assert found.deleted_posts.schema.equals(DELETED_POSTS)
    assert found.deleted_posts.to_pylist() == [{"uri": f"at://{ALICE}/{POST}/a", "user_id": ALICE, "event_time_us": 4}]
    assert len(table) == found.events.total() == 0


def test_a_day_of_an_earlier_version_has_account_events_alone(tmp_path):
    file = tmp_path / "old.parquet"
    events = [account("deleted"), profile("bot"), preference(allow={"training": False}), commit(POST, "delete")]
    old = pa.Table.from_pylist(events, schema=tables.RAW_EVENTS).drop_columns(["self_labels", "preference_json"])
    pq.write_table(old, file)
    dataset = pads.FileSystemDataset.from_paths(
        [str(file)], schema=tables.RAW_EVENTS, format=pads.ParquetFileFormat(), filesystem=pa.fs.LocalFileSystem()
    )

    found = extract_statements(dataset, memory_limit="512MB", scratch=tmp_path)

    assert not found.has_declarations
    assert found.states == {"account_status": 1}
    assert len(found.deleted_posts) == 1


def test_the_file_of_a_day_has_the_column_day(tmp_path):
    _, table = extract([account("deleted")], tmp_path, day=dt.date(2025, 3, 1))

    assert table["day"].to_pylist() == [dt.date(2025, 3, 1)]


TIMES = st.integers(1, 4)
EVENTS = st.one_of(
    st.builds(
        lambda allow, **columns: preference(allow=allow, **columns),
        st.dictionaries(st.sampled_from(["training", "embedding"]), st.booleans()),
        event_time_us=TIMES,
        rev=st.sampled_from(["3a", "3b", None]),
        user_id=st.sampled_from([ALICE, BOB]),
        rkey=st.sampled_from(["self", "3kabc"]),
    ),
    st.builds(account, st.sampled_from(["active", "deleted", None]), event_time_us=TIMES),
    st.builds(profile, st.sampled_from(["bot", "x"]), event_time_us=TIMES, rkey=st.sampled_from(["self", "o"])),
    st.builds(lambda **columns: commit(AI_PREFERENCE, "delete", **columns), event_time_us=TIMES),
    st.builds(lambda **columns: preference(preference_json="{", **columns), event_time_us=TIMES),
    st.builds(lambda **columns: commit(POST, "delete", **columns), event_time_us=TIMES),
    st.just(event(kind="identity")),
)


@settings(max_examples=30)  # each opens DuckDB twice, 0.2 s
@given(st.lists(EVENTS, max_size=12), st.randoms())
def test_every_event_is_a_state_or_dropped_and_their_order_does_not_matter(tmp_path_factory, events, random_order):
    folder = tmp_path_factory.mktemp("any")
    found, table = extract(events, folder / "one")
    shuffled = events[:]
    random_order.shuffle(shuffled)

    again, same = extract(shuffled, folder / "other")

    assert found.events.total() == found.states.total() + found.dropped.total()
    assert all(count > 0 for count in found.dropped.values())
    assert same.equals(table)
    assert again.deleted_posts.equals(found.deleted_posts)
    assert again.dropped == found.dropped


def test_large_days_are_read_in_batches(tmp_path):
    events = [
        account("deleted" if number % 3 else "active", user_id=f"did:plc:{number % 40_000:06}", event_time_us=number)
        for number in range(70_000)
    ]

    found, table = extract(events, tmp_path)

    assert len(table) == found.states.total() == 40_000
    assert found.dropped == {REPLACED: 30_000}
    assert table["user_id"].to_pylist() == sorted(table["user_id"].to_pylist())


def test_paths_with_a_quote_are_read(tmp_path):
    found, _ = extract([account("deleted")], tmp_path / "o'clock")

    assert found.states == {"account_status": 1}
