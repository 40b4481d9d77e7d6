import pytest
import zstandard

from persona_assets.recording import connection
from persona_assets.recording.addresses import parse_addresses
from persona_assets.recording.connection import (
    Connection,
    ConnectionLostError,
    FrameDecompressionError,
    SubscriptionError,
    open_connection,
)
from persona_assets.recording.results import Filters
from persona_assets_tests.jetstream_server import Fault, JetstreamServer, make_dictionary, make_events, running

EVENTS = make_events(1_700_000_000_000_000, 50)


class Socket:
    """A socket that has received messages."""

    def __init__(self, messages):
        self.messages = list(messages)

    def recv(self, _timeout, _decode):
        return self.messages.pop(0)


def opened(server, protocol="v1"):
    (address,) = parse_addresses([server.url(protocol)])
    return open_connection(address, Filters(), cursor=None, dictionary=None, max_message_bytes=None)


def test_frames_come_as_they_were_sent_and_a_silent_stream_times_out():
    with running(server := JetstreamServer(EVENTS)), opened(server) as stream:
        assert [stream.receive(5) for _ in EVENTS] == EVENTS
        with pytest.raises(TimeoutError):
            stream.receive(0.1)


@pytest.mark.parametrize(("fault", "code"), [(Fault("close", 3, 1001), 1001), (Fault("abort", 3), 1006)])
def test_a_lost_connection_says_its_code(fault, code):
    with running(server := JetstreamServer(EVENTS, faults=[[fault]])), opened(server) as stream:
        for _ in range(3):
            stream.receive(5)
        with pytest.raises(ConnectionLostError, match=f"closed with code {code}"):
            stream.receive(5)


def test_an_oversize_frame_loses_the_connection(monkeypatch):
    monkeypatch.setattr(connection, "MAX_FRAME_BYTES", 1 << 20)
    server = JetstreamServer([], faults=[[Fault("oversize", 0, 2 << 20)]])
    with running(server), opened(server) as stream, pytest.raises(ConnectionLostError, match="1 MiB") as lost:
        stream.receive(5)
    assert lost.value.is_oversize


@pytest.mark.parametrize(("status", "is_final"), [(400, True), (401, True), (429, False), (502, False), (503, False)])
def test_a_refusal_says_its_status_and_whether_it_is_final(status, is_final):
    server = JetstreamServer(EVENTS, always=[Fault("refuse", 0, status)])
    told = f"HTTP status {status} .InternalError."
    with running(server), pytest.raises(SubscriptionError, match=told) as refused, opened(server):
        pass

    assert refused.value.is_final == is_final
    assert refused.value.is_bad_request == (status == 400)


def test_a_server_that_is_not_there_refuses():
    (address,) = parse_addresses(["ws://127.0.0.1:9/subscribe"])
    nobody = open_connection(address, Filters(), cursor=None, dictionary=None, max_message_bytes=None)
    with pytest.raises(SubscriptionError, match="no connection: ConnectionRefusedError") as refused, nobody:
        pass
    assert not refused.value.is_final


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"error": 5}', b'{"error": "has spaces and \\u001b"}'])
def test_an_error_body_that_names_nothing_is_ignored(body):
    assert connection._read_error_name(body) == ""


def test_what_a_compressed_frame_becomes_is_bounded():
    dictionary = make_dictionary(5)
    data = zstandard.ZstdCompressionDict(dictionary)
    bomb = zstandard.ZstdCompressor(dict_data=data).compress(bytes(connection.MAX_FRAME_BYTES + 1))
    unsized = zstandard.ZstdCompressor(dict_data=data, write_content_size=False).compress(bytes(1 << 25))
    good = zstandard.ZstdCompressor(dict_data=data).compress(EVENTS[0])
    stream = Connection(Socket([bomb, unsized, b"\x28\xb5\x2f\xfdx", good, EVENTS[1]]), dictionary)

    assert len(bomb) < 10_000
    with pytest.raises(FrameDecompressionError, match="oversize frame"):
        stream.receive(1)
    for _ in range(2):
        with pytest.raises(FrameDecompressionError, match="damaged zstd frame"):
            stream.receive(1)
    assert [stream.receive(1), stream.receive(1)] == EVENTS[:2]
