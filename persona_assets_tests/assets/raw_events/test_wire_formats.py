import json

import pytest

from persona_assets.assets.raw_events.event_types import ABSENT, CommitWithRawRecord, EventWithRawRecord, V2Payload
from persona_assets.assets.raw_events.rejection_reasons import NotAnEventError
from persona_assets.assets.raw_events.wire_formats import decode_any_format, payload_to_event
from persona_assets_tests.assets.raw_events.builders import ALICE, NOON_US, line, post


def values_of(event):
    """The values of an event, with its record parsed as JSON."""
    commit = event.commit
    record = json.loads(bytes(commit.record))
    return event.did, event.time_us, event.kind, commit.operation, commit.collection, commit.rkey, commit.rev, record


def test_every_format_of_an_event_is_decoded_to_the_same_values():
    event = post("hello")
    commit = event["commit"]
    old_commit = {name: value for name, value in commit.items() if name != "operation"} | {"type": "c"}
    frame = {
        "$type": "message",
        "payload": {"$type": "x#commit", "did": ALICE, "time": "2025-03-01T12:00:00Z", "seq": 1, **commit},
    }
    forms = [
        event | {"time_us": str(NOON_US)},
        event | {"time_us": float(NOON_US)},
        {"did": ALICE, "time_us": NOON_US, "type": "com", "commit": old_commit},
        {"event": event},
        frame,
        frame["payload"],
    ]

    expected = values_of(decode_any_format(line(event)))

    assert [values_of(decode_any_format(line(form))) for form in forms] == [expected] * len(forms)


def test_a_payload_of_an_unknown_kind_is_rejected():
    payload = V2Payload(type="x#presence", did=ALICE, time="2025-03-01T12:00:00Z", record=ABSENT)

    with pytest.raises(NotAnEventError, match="kind: unknown value"):
        payload_to_event(payload, EventWithRawRecord, CommitWithRawRecord)
