import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.recording.frames import FrameScanner, MalformedFrameError, ServerMessageError
from persona_assets_tests.jetstream_server import make_events, to_v2

SHARED = Path(__file__).parents[3] / "shared" / "data" / "jetstream"
START = 1_740_873_600_000_000
EVENTS = make_events(START, 300)


def test_the_time_of_every_event_is_found_and_the_frame_is_kept():
    v1, v2 = FrameScanner("v1"), FrameScanner("v2")
    for at, line in enumerate(EVENTS):
        frame = to_v2(line, at)
        assert v1.scan(line)[:3] == (START + at * 50_000, None, line)
        assert v2.scan(frame)[:3] == (START + at * 50_000, at, frame)


def test_an_account_event_is_the_same_on_every_server():
    v1, v2 = FrameScanner("v1"), FrameScanner("v2")
    for line in EVENTS:
        same = v1.scan(line).identity == v2.scan(to_v2(line, 5)).identity
        assert same == (json.loads(line)["kind"] != "commit")


@pytest.mark.parametrize(("time", "microseconds"), [("08.5Z", 500_000), ("08Z", 0), ("08.000001+00:00", 1)])
def test_times_with_fewer_digits_are_read_too(time, microseconds):
    frame = to_v2(EVENTS[0], 1).replace(b"2025-03-02T00:00:00.000000Z", f"2025-03-02T00:00:{time}".encode())

    assert FrameScanner("v2").scan(frame).time_us == START + 8_000_000 + microseconds


def test_an_indented_frame_is_put_on_one_line():
    indented = json.dumps(json.loads(EVENTS[0]), indent=1).encode()

    scanned = FrameScanner("v1").scan(indented)

    assert b"\n" not in scanned.line
    assert json.loads(scanned.line) == json.loads(EVENTS[0])


@pytest.mark.parametrize("protocol", ["v1", "v2"])
@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        EVENTS[0][:-1],
        EVENTS[0].replace(b"did:plc", b"did:\xff"),
        EVENTS[0].replace(b"1740", b"9740"),
        b"[" * 100_000,
        b'{"$type":"message"}',
        b'{"$type":"message","payload":{"$type":"x#commit","seq":1,"did":"d","time":"yesterday"}}',
        b'{"$type":"message","payload":{"$type":"x#commit","seq":1,"did":"d","time":"2025-03-02T00:00:00.00x000Z"}}',
        b'{"$type":"message","payload":{"$type":"x#commit","did":"d","time":"2025-03-02T00:00:00.000000Z"}}',
        b'{"did":"d","time_us":1740873600000000,"kind":"other"}',
    ],
)
def test_other_frames_are_malformed(protocol, frame):
    with pytest.raises(MalformedFrameError):
        FrameScanner(protocol).scan(frame)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_malformed(frame):
    for protocol in ("v1", "v2"):
        with pytest.raises(MalformedFrameError):
            FrameScanner(protocol).scan(frame)


def test_messages_of_the_server_are_told_by_their_name_alone():
    scanner = FrameScanner("v2")
    with pytest.raises(ServerMessageError, match="ConsumerTooSlow") as told:
        scanner.scan(b'{"$type":"error","error":"ConsumerTooSlow","message":"text"}')
    assert told.value.is_error
    with pytest.raises(ServerMessageError, match="OutdatedCursor") as told:
        scanner.scan(b'{"$type":"message","payload":{"$type":"n#info","name":"OutdatedCursor","message":"t"}}')
    assert not told.value.is_error
    with pytest.raises(ServerMessageError, match="unknown"):
        scanner.scan(b'{"$type":"error","error":"a text \\u001b of anyone"}')


@pytest.mark.shared_data
@pytest.mark.parametrize(("protocol", "name"), [("v1", "official_v1_152"), ("v2", "made_v2_152")])
def test_official_events_are_scanned(protocol, name):
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data/jetstream")
    lines = (SHARED / f"{name}.ndjson").read_bytes().splitlines()
    scanner = FrameScanner(protocol)

    assert len({scanner.scan(line).identity for line in lines if line}) == 152
