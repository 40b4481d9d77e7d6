"""What a real PDS sends is parsed as it was meant.

`recorded/pds_events.jsonl` has the 37 events of three made-up accounts on a PDS of npm's `@atproto/dev-env` 0.3.215,
from its `com.atproto.sync.subscribeRepos` stream (npm's `@atproto/sync`), each in the form in which Jetstream writes
it. Handles, texts and accounts were invented for the recording. The expected values below are what the script asked
the PDS to do.
"""

import datetime as dt
import json
import shutil
from collections import Counter
from pathlib import Path

import pyarrow.dataset as pads
import pytest
from upath import UPath

from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.capture.files import find_files

RECORDED = Path(__file__).parent / "recorded" / "pds_events.jsonl"
DAY = dt.date(2026, 11, 27)
WILLOW, HAZEL, ROWAN = (
    "did:plc:rnvbv4eueop2mpqnfi43dbqv",
    "did:plc:iigfsaxju5576utbrxutyfph",
    "did:plc:surc2mjtugix3s6c6x4yg2wj",
)


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("capture") / DAY.isoformat()
    folder.mkdir()
    shutil.copy(RECORDED, folder / "20.jsonl")
    files = find_files(UPath(folder.parent), DAY, pattern=None)
    return parse_files(files, day=DAY, workers=1, scratch=tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def events(parsed):
    return pads.dataset(parsed.raw_events).to_table().to_pylist()


@pytest.fixture(scope="module")
def actions(parsed, tmp_path_factory):
    extracted = extract_distinct_actions(
        pads.dataset(parsed.raw_events), memory_limit="1GB", scratch=tmp_path_factory.mktemp("actions")
    )
    return pads.dataset(extracted.user_actions).to_table().to_pylist()


def test_every_event_is_a_row(parsed, events):
    kinds = Counter(json.loads(line)["kind"] for line in RECORDED.read_bytes().splitlines())

    assert kinds == {"commit": 22, "account": 7, "identity": 4, "sync": 4}
    assert Counter(event["kind"] for event in events) == kinds
    assert pads.dataset(parsed.rejected_lines).count_rows() == 0


def test_the_actions_are_those_that_were_asked_for(actions):
    found = Counter((row["user_id"], row["action"]) for row in actions)

    assert found == {
        (WILLOW, "post"): 3,
        (WILLOW, "reply"): 1,
        (WILLOW, "profile_update"): 1,
        (WILLOW, "account_status"): 1,
        (HAZEL, "post"): 1,
        (HAZEL, "post_delete"): 1,
        (HAZEL, "reply"): 1,
        (HAZEL, "like"): 1,
        (HAZEL, "unlike"): 1,
        (HAZEL, "follow"): 1,
        (HAZEL, "unfollow"): 1,
        (HAZEL, "account_status"): 2,
        (ROWAN, "quote"): 1,
        (ROWAN, "like"): 1,
        (ROWAN, "repost"): 1,
        (ROWAN, "unrepost"): 1,
        (ROWAN, "follow"): 1,
        (ROWAN, "block"): 1,
        (ROWAN, "profile_update"): 1,
        (ROWAN, "account_status"): 4,
    }


def test_conversations_and_targets_are_linked(actions):
    texts = {row["text"]: row for row in actions if row["text"]}
    first = texts["The tomatoes on the balcony are ripe at last, and the basil is taller than I am."]
    question, answer = texts["What do you feed them?"], texts["Compost tea, once a week."]

    assert (question["parent_uri"], question["root_uri"]) == (first["uri"], first["uri"])
    assert (answer["parent_uri"], answer["root_uri"]) == (question["uri"], first["uri"])
    assert texts["This is how it is done."]["quoted_uri"] == first["uri"]
    assert {row["target_uri"] for row in actions if row["action"] in {"like", "repost"}} == {first["uri"]}
    assert {row["target_user_id"] for row in actions if row["action"] == "block"} == {HAZEL}


def test_an_account_that_leaves_and_returns_has_each_status_in_order(actions):
    statuses = {
        user: [row["account_status"] for row in sorted(actions, key=lambda row: row["event_time_us"])
               if row["action"] == "account_status" and row["user_id"] == user]
        for user in (WILLOW, HAZEL, ROWAN)
    }  # fmt: skip

    assert statuses == {
        WILLOW: ["active"],
        HAZEL: ["active", "takendown"],
        ROWAN: ["active", "deactivated", "active", "deleted"],
    }


def test_labels_and_preferences_are_kept_with_their_records(events):
    labels = {event["user_id"]: event["self_labels"] for event in events if event["self_labels"]}
    preferences = {event["collection"]: json.loads(event["preference_json"]) for event in events
                   if event["preference_json"]}  # fmt: skip

    assert labels == {WILLOW: ["!no-unauthenticated"], ROWAN: ["bot"]}
    community = preferences["community.lexicon.preference.ai"]
    assert community["scope"] == {"$type": "community.lexicon.preference.ai#globalScope"}
    assert community["preferences"]["training"]["allow"] is False
    assert community["preferences"]["embedding"]["allow"] is True
    assert preferences["org.user-intents.declaration"]["bulkDataset"]["allow"] is False
    taken_back = [event for event in events if event["operation"] == "delete" and event["rkey"] == "self"]
    assert [(event["user_id"], event["collection"]) for event in taken_back] == [
        (HAZEL, "community.lexicon.preference.ai")
    ]
