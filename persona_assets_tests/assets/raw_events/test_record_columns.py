"""What accounts say about the use of their data: the columns that keep it, on both paths of decoding."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.assets.raw_events.event_buffer import EventBuffer
from persona_assets.assets.raw_events.event_types import LikeRecord, ProfileRecord, RecordRef, SelfLabel, SelfLabels
from persona_assets.assets.raw_events.fast_decode import BlockDecoder
from persona_assets.assets.raw_events.lenient_decode import RejectedValue, decode_line_leniently
from persona_assets.assets.raw_events.record_columns import make_record_columns
from persona_assets.common.lexicon import AI_PREFERENCE, CONSENT_COLLECTIONS, PROFILE, USER_INTENTS
from persona_assets_tests.assets.raw_events.builders import NOON_US, commit, delete, like, line, read_lines_of

SCOPED = {
    "scope": {"$type": f"{AI_PREFERENCE}#entityScope", "entity": "did:plc:cccccccccccccccccccccccc"},
    "preferences": {"embedding": {"allow": False, "updatedAt": "2026-01-01T00:00:00Z"}},
}


def with_labels(*values):
    return {"labels": {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": value} for value in values]}}


def test_records_of_one_type_are_columns_with_their_limits():
    profiles = [
        ProfileRecord(description="x" * 2561, labels=SelfLabels([SelfLabel("bot"), SelfLabel("y" * 129)])),
        ProfileRecord(description="a", labels=SelfLabels()),
        ProfileRecord(),
    ]

    columns, cuts = make_record_columns(profiles, ProfileRecord)

    assert {name: column.to_pylist() for name, column in columns.items()} == {
        "text": ["x" * 2560, "a", None],
        "self_labels": [["bot"], None, None],
    }
    assert cuts == {"texts": 1, "labels": 1}
    assert make_record_columns([LikeRecord(subject=RecordRef("at://a"))], LikeRecord)[0].keys() == {"subject_uri"}


@pytest.mark.parametrize("operation", ["create", "update"])
@pytest.mark.parametrize("collection", CONSENT_COLLECTIONS)
def test_records_of_consent_are_kept_whole_and_so_are_their_deletions(tmp_path, collection, operation):
    events = [
        commit(collection, {**SCOPED, "updatedAt": "x"}, operation=operation, time_us=NOON_US),
        delete(collection, time_us=NOON_US + 1),
    ]

    found = read_lines_of(events, tmp_path)

    kept, deleted = found.events
    assert json.loads(kept["preference_json"]) == events[0]["commit"]["record"]
    assert (kept["collection"], kept["operation"], kept["kind"]) == (collection, operation, "commit")
    assert (deleted["preference_json"], deleted["operation"], deleted["collection"]) == (None, "delete", collection)
    assert found.counts.cut_consents == 0


def test_records_of_consent_are_kept_however_frequent_they_are(tmp_path):
    events = [commit(USER_INTENTS, {"bulkDataset": {"allow": False}}) if n % 2 else like() for n in range(9000)]

    found = read_lines_of(events, tmp_path)

    assert sum(row["preference_json"] is not None for row in found.events) == 4500


def test_records_of_consent_that_are_too_long_are_counted_and_their_events_are_kept(tmp_path):
    events = [commit(AI_PREFERENCE, {"note": "x" * 9000}), commit(AI_PREFERENCE, None), commit(AI_PREFERENCE, {})]

    found = read_lines_of(events, tmp_path)

    assert sorted(row["preference_json"] is None for row in found.events) == [False, True, True]
    assert found.counts.cut_consents == 2


def test_records_of_other_collections_are_not_kept(tmp_path):
    (row,) = read_lines_of([commit("community.lexicon.preference.ai2", SCOPED)], tmp_path).events

    assert row["preference_json"] is None


def test_self_labels_of_profiles_are_kept(tmp_path):
    events = [
        commit(PROFILE, {"description": "a", **with_labels("!no-unauthenticated", "bot")}, time_us=NOON_US),
        commit(PROFILE, {"description": "b"}, time_us=NOON_US + 1),
        commit(PROFILE, {"labels": None}, time_us=NOON_US + 2),
        commit(PROFILE, {"description": "c", "labels": {"values": "bot"}}, time_us=NOON_US + 3),
    ]

    found = read_lines_of(events, tmp_path)

    assert [row["self_labels"] for row in found.events] == [["!no-unauthenticated", "bot"], None, None, []]
    assert [row["text"] for row in found.events] == ["a", "b", None, "c"]
    assert (found.counts.cut_labels, found.rejected) == (1, [])


def decode_on_both_paths(event):
    """Return the rows of an event by the path for blocks of lines, if it takes the line, and by that for one line."""
    rows = []
    for found in (BlockDecoder().decode(line(event)), list(decode_line_leniently(line(event)))):
        buffer = EventBuffer()
        if not isinstance(found[0], RejectedValue | None) and buffer.add_valid_events(found) == []:
            table = buffer.flush()
            rows.append((table.to_pylist(), buffer.cuts))
        else:
            rows.append(None)
    return rows


LABEL = st.sampled_from(["bot", "!no-unauthenticated", "porn", "", "x" * 129]) | st.text(max_size=4)
ANYTHING = st.sampled_from([None, 1, "bot", [], {}, {"values": None}, {"values": [1]}, {"values": [{"val": None}]}])


@settings(max_examples=300)
@given(ANYTHING | st.lists(LABEL, max_size=120).map(lambda values: with_labels(*values)["labels"]), st.text(max_size=5))
def test_both_paths_of_decoding_agree_on_profiles(labels, description):
    fast, lenient = decode_on_both_paths(commit(PROFILE, {"labels": labels, "description": description}))

    assert lenient is not None
    assert fast in (None, lenient)


def test_the_path_for_blocks_takes_profiles_with_labels():
    assert decode_on_both_paths(commit(PROFILE, with_labels("bot")))[0] is not None


@pytest.mark.parametrize("collection", CONSENT_COLLECTIONS)
def test_the_path_for_blocks_leaves_records_of_consent_to_the_other(collection):
    decoder = BlockDecoder()
    for _ in range(5000):
        decoder.learn_collection(next(decode_line_leniently(line(commit(collection, {})))))

    assert decoder.decode(line(commit(collection, {}))) == [None]
    assert decoder.decode(line(delete(collection))) == [None]
