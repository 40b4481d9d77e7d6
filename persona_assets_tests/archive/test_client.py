import io
import json
import logging
import socket

import httpx
import pytest

from persona_assets.archive.client import ArchiveClient, describe_transport_error
from persona_assets.errors import ArchiveError, ReplacedSegmentError
from persona_assets_tests.archive.segments import event_row, in_blocks, write_segment
from persona_assets_tests.archive_server import ArchiveServer, Fault, serving
from persona_assets_tests.assets.raw_events.builders import ALICE, NOON_US, like

TOKEN = "very-secret-token"  # noqa: S105 - of a server of this test


def small_segments(count=3):
    return {
        f"seg_{number:010}.jss": write_segment(
            in_blocks(
                [event_row(like(time_us=NOON_US + seq), seq) for seq in range(number * 10 + 1, number * 10 + 11)], 4
            )
        )
        for number in range(count)
    }


@pytest.fixture
def waits():
    return []


@pytest.fixture
def archive():
    with serving(ArchiveServer(small_segments(), token=TOKEN, page=2)) as server:
        yield server


@pytest.fixture
def client(archive, waits):
    with ArchiveClient(archive.url, TOKEN, timeout_s=5, sleep=waits.append) as client:
        yield client


def fetch(client, segment, *, begun=b""):
    file = io.BytesIO(begun)
    file.seek(0, io.SEEK_END)
    sizes = []
    client.fetch_segment(segment, file, on_bytes=sizes.append)
    return file.getvalue(), sum(sizes)


def test_all_pages_of_segments_are_listed(archive, client):
    assert [segment.name for segment in client.list_segments()] == list(archive.segments)
    assert [request[1] for request in archive.asked_for("listSegments")] == [
        {"limit": "1000"},
        {"limit": "1000", "cursor": "2"},
    ]


def test_a_plan_is_followed_to_the_end_that_its_first_page_names(archive, client):
    def grow():
        archive.segments["seg_9.jss"] = write_segment([[event_row(like(), 1000)]])

    archive.page = 1
    archive.faults.append(("planSnapshot", Fault()))
    plan = client.plan_snapshot([ALICE])
    first = next(plan)
    grow()

    assert [first.name, *(segment.name for segment in plan)] == list(archive.segments)[:3]


def test_segments_and_blocks_come_as_they_are(archive, client):
    segment = next(client.list_segments())
    content = archive.segments[segment.name]

    assert fetch(client, segment) == (content, len(content))
    frame = client.fetch_block(segment.name, 1, checksum=segment.checksum)
    assert frame in content
    assert {request[2]["If-Match"] for request in archive.requests if "If-Match" in request[2]} == {
        f'"{segment.checksum}"'
    }


def test_an_interrupted_transfer_goes_on_where_it_stopped(archive, client, waits):
    segment = next(client.list_segments())
    archive.faults += [("getSegment", Fault(cut_after=100)), ("getSegment", Fault(cut_after=50))]

    content, received = fetch(client, segment)

    assert content == archive.segments[segment.name]
    assert received == len(content)
    assert [request[2].get("Range") for request in archive.asked_for("getSegment")] == [
        None,
        "bytes=100-",
        "bytes=150-",
    ]
    assert waits == [1.0, 1.0]


def test_a_server_without_ranges_sends_all_again(archive, client):
    segment = next(client.list_segments())
    whole, archive.ranges = archive.segments[segment.name], False
    archive.faults.append(("getSegment", Fault(cut_after=100)))

    content, received = fetch(client, segment, begun=whole[:30])

    assert (content, received) == (whole, len(whole) + 100)


@pytest.mark.parametrize(
    ("headers", "waited"),
    [({"Retry-After": "7"}, 7.0), ({}, 5.0), ({"Retry-After": "soon"}, 5.0), ({"Retry-After": "99999"}, 300.0)],
)
def test_a_used_up_quota_is_waited_for(archive, client, waits, headers, waited):
    segment = next(client.list_segments())
    archive.faults += [("getSegment", Fault(429, headers)), ("getBlock", Fault(429, headers))]

    assert fetch(client, segment)[0] == archive.segments[segment.name]
    client.fetch_block(segment.name, 0, checksum=segment.checksum)
    assert waits == [waited, waited]


def test_a_quota_that_stays_used_up_is_an_error(archive, client):
    archive.faults += [("listSegments", Fault(429))] * 13

    with pytest.raises(ArchiveError, match="quota is used up"):
        list(client.list_segments())


def test_failures_of_the_server_are_tried_again_after_longer_and_longer_waits(archive, client, waits):
    archive.faults += [("listSegments", Fault(status)) for status in (500, 502, 503, 504)]

    assert len(list(client.list_segments())) == 3
    assert waits == [1, 2, 4, 8]


def test_failures_that_stay_are_an_error(archive, client, waits):
    archive.faults += [("listSegments", Fault(503))] * 7

    with pytest.raises(ArchiveError, match="failed 7 times, the last by status 503"):
        list(client.list_segments())
    assert waits == [1, 2, 4, 8, 16, 32]


def test_a_rewritten_segment_is_an_error_of_its_own(archive, client):
    segment = next(client.list_segments())
    archive.segments[segment.name] = archive.segments["seg_0000000001.jss"]

    with pytest.raises(ReplacedSegmentError, match="list them again"):
        fetch(client, segment)
    with pytest.raises(ReplacedSegmentError):
        client.fetch_block(segment.name, 0, checksum=segment.checksum)


def test_more_than_was_listed_is_not_stored(archive, client):
    segment = next(client.list_segments())
    archive.faults.append(("getSegment", Fault(replace=lambda content: content * 3)))

    with pytest.raises(ArchiveError, match="sends more"):
        fetch(client, segment)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../etc/passwd"},
        {"name": ".hidden.jss"},
        {"name": "a/b.jss"},
        {"checksum": "xyz"},
        {"sizeBytes": -1},
        {"sizeBytes": "many"},
    ],
)
def test_listings_that_are_not_as_described_are_refused(archive, client, change):
    def spoil(content):
        page = json.loads(content)
        page["segments"][0] |= change
        return json.dumps(page).encode()

    archive.faults.append(("listSegments", Fault(replace=spoil)))

    with pytest.raises(ArchiveError, match="something else"):
        list(client.list_segments())


def test_listings_and_plans_without_an_end_are_refused(archive, client):
    archive.faults += [("listSegments", Fault(replace=lambda _: json.dumps({"segments": [], "cursor": "1"}).encode()))]
    with pytest.raises(ArchiveError, match="without an end"):
        list(client.list_segments())
    stuck = {"plannedThroughSeq": 0, "sealedTipSeq": 9, "segments": []}
    archive.faults += [("planSnapshot", Fault(replace=lambda _: json.dumps(stuck).encode()))]
    with pytest.raises(ArchiveError, match="without advancing"):
        list(client.plan_snapshot([ALICE]))


def test_a_large_answer_is_not_read_to_its_end(archive, client, monkeypatch):
    monkeypatch.setattr("persona_assets.archive.client._MAX_JSON_BYTES", 100)

    with pytest.raises(ArchiveError, match="more than expected"):
        list(client.list_segments())
    assert archive.requests


def test_a_refusal_names_what_to_set_and_never_the_token(archive, caplog):
    caplog.set_level(logging.DEBUG)
    with ArchiveClient(archive.url, "another-secret") as client, pytest.raises(ArchiveError) as found:
        list(client.list_segments())

    assert "status 401 (AuthRequired): set PERSONA_ARCHIVE_TOKEN" in str(found.value)
    shown = caplog.text + repr(client) + str(vars(client)) + str(found.value)
    assert "another-secret" not in shown


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "é", "a\r\nHost: x"])
def test_tokens_that_no_header_may_hold_are_refused_unquoted(token):
    with pytest.raises(ArchiveError, match="PERSONA_ARCHIVE_TOKEN") as found:
        ArchiveClient("https://example.com", token)
    assert not token or token not in str(found.value)


@pytest.mark.parametrize("url", ["http://example.com", "ftp://example.com", "example.com", "https://[", ""])
def test_addresses_that_would_show_the_token_are_refused(url):
    with pytest.raises(ArchiveError, match="PERSONA_ARCHIVE_URL"):
        ArchiveClient(url, TOKEN)


def test_a_server_that_cannot_be_reached_is_an_error_without_its_request(waits):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with ArchiveClient(url, TOKEN, sleep=waits.append) as client, pytest.raises(ArchiveError) as found:
            list(client.list_segments())

    assert "failed 7 times, the last by connect error" in str(found.value)


def test_a_failure_is_named_by_its_kind():
    assert describe_transport_error(httpx.ReadTimeout("secret")) == "read timeout"
