import json

import pytest
import zstandard

from persona_assets.archive.blocks import decode_block
from persona_assets.archive.event_lines import format_event_line, format_event_lines
from persona_assets_tests.archive.segments import event_row, write_block
from persona_assets_tests.assets.raw_events.builders import ALICE, NOON_US, account, delete, like

TYPE = "network.bsky.jetstream.subscribeEvents"


def decode(*rows):
    return decode_block(zstandard.compress(write_block(rows)), segment_name="a", block_number=0)


def lines_of(*rows):
    return [json.loads(line)["payload"] for line in format_event_lines(decode(*rows))]


def test_an_event_is_the_frame_that_the_stream_sends():
    event = like(rkey="k", rev="r")

    (frame,) = format_event_lines(decode(event_row(event, 7)))

    payload = json.loads(frame)["payload"]
    assert frame.startswith(b'{"$type":"message"')
    assert payload.pop("cid").startswith("bafyrei")
    assert payload == {
        "$type": f"{TYPE}#commit",
        "seq": 7,
        "did": ALICE,
        "time": "2025-03-01T12:00:00.000000Z",
        "rev": "r",
        "operation": "create",
        "collection": "app.bsky.feed.like",
        "rkey": "k",
        "record": event["commit"]["record"],
    }


def test_deletions_have_no_record_and_resyncs_create():
    deleted, resynced = lines_of(event_row(delete(), 1), event_row(like(), 2) | {"kind": 7})

    assert (deleted["operation"], "record" in deleted, "cid" in deleted) == ("delete", False, False)
    assert (resynced["operation"], "record" in resynced) == ("create", True)


KINDS = {4: "identity", 5: "account", 6: "sync", 0: "unknown", 9: "unknown"}


@pytest.mark.parametrize(("kind", "name"), KINDS.items())
def test_other_events_have_their_body(kind, name):
    event = account(active=False, status="deleted")

    (payload,) = lines_of(event_row(event, 1) | {"kind": kind})

    assert payload["$type"] == f"{TYPE}#{name}"
    assert payload[name] == event["account"]


def test_the_imported_time_is_the_time_unless_another_is_asked_for():
    block = decode(event_row(like(), 1, indexed_us=NOON_US + 5))

    assert lines_of(event_row(like(), 1, indexed_us=NOON_US + 5))[0]["time"] == "2025-03-01T12:00:00.000005Z"
    assert json.loads(format_event_line(block, 0, time_us=0))["payload"]["time"] == "1970-01-01T00:00:00.000000Z"
    assert json.loads(format_event_line(block, 0, time_us=2**62))["payload"]["time"] == str(2**62)


def test_a_damaged_record_is_left_out():
    assert "record" not in lines_of(event_row(like(), 1) | {"payload": b"\xff"})[0]


def test_names_that_are_not_utf8_give_one_line_that_is_not_utf8():
    (line,) = format_event_lines(decode(event_row(like(), 1) | {"rkey": b"\xff\n"}))

    assert b"\n" not in line
    with pytest.raises(UnicodeDecodeError):
        line.decode()
