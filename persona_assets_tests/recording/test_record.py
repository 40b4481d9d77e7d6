"""Recording from servers on the loopback interface: what is written equals an undisturbed recording."""

import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from persona_assets.errors import CaptureFilesError, MissingEventsError, SettingsError, StorageError, StreamError
from persona_assets.recording import connection, store
from persona_assets.recording.day_notes import read_gaps, read_recording_notes
from persona_assets.recording.record import record_stream
from persona_assets.recording.results import Filters
from persona_assets.recording.zstd_tail import find_length_of_whole_frames
from persona_assets_tests import jetstream_server
from persona_assets_tests.jetstream_server import (
    SECOND,
    V1_DICTIONARY_ID,
    V2_DICTIONARY_ID,
    Fault,
    JetstreamServer,
    make_dictionary,
    make_events,
    micro,
    running,
)
from persona_assets_tests.recording.recorded import FAST, key, keys, read_actions, read_lines, record_live

SHARED = Path(__file__).parents[3] / "shared" / "data" / "jetstream"
BEGIN = micro("2025-03-01T23:50:00")
START, END = micro("2025-03-01T23:52:00"), micro("2025-03-02T00:03:00")
EVENTS = make_events(BEGIN, 18_000)  # 15 minutes, 20 a second
IN_RANGE = EVENTS[2400 : 2400 + 13_200]
DAYS = ("2025-03-01", "2025-03-02")
WAYS = [("v1", False), ("v1", True), ("v2", False), ("v2", True)]


def replay(root, *servers, protocol="v1", **options):
    options = {"stream_timeout": 1.0, "clocks": FAST} | options
    return record_stream(root, urls=[server.url(protocol) for server in servers], start_us=START, end_us=END, **options)


def once(lines):
    return {key(line): 1 for line in lines}


@pytest.mark.parametrize(("protocol", "compressed"), WAYS)
def test_a_range_is_recorded_as_it_came_into_the_files_of_its_hours(tmp_path, protocol, compressed):
    server = JetstreamServer(EVENTS, v2_dictionary=20260811 if compressed else None)
    with running(server):
        made = replay(
            tmp_path,
            server,
            protocol=protocol,
            dictionaries={V1_DICTIONARY_ID: make_dictionary(V1_DICTIONARY_ID)} if compressed else {},
        )

    files = read_lines(tmp_path)
    source = server.lines if protocol == "v1" else server.frames
    assert list(files) == ["2025-03-01/23.jsonl.zst", "2025-03-02/00.jsonl.zst"]
    assert [line for lines in files.values() for line in lines] == list(source[2400 : 2400 + 13_200])
    assert (made.events, made.is_complete, made.gaps) == (13_200, True, [])
    assert ("ompress" in server.requests[0] or "zstd" in server.requests[0]) == compressed
    assert [made.first_time_us, made.last_time_us] == [START, END - 50_000]
    assert [path.relative_to(tmp_path).as_posix() for path in made.files] == list(files)


@pytest.mark.shared_data
@pytest.mark.parametrize(("protocol", "compressed"), WAYS)
def test_official_events_arrive_complete_and_are_read(tmp_path, monkeypatch, protocol, compressed):
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data/jetstream")
    names = {V1_DICTIONARY_ID: "legacy_subscribe.zdict", V2_DICTIONARY_ID: "subscribe_events_20260811.zdict"}
    official = {number: (SHARED / name).read_bytes() for number, name in names.items()}
    monkeypatch.setattr(jetstream_server, "make_dictionary", official.__getitem__)
    server = JetstreamServer(
        [line for line in (SHARED / "official_v1_152.ndjson").read_bytes().split(b"\n") if line],
        v2_dictionary=V2_DICTIONARY_ID if compressed else None,
    )
    server.frames = [line for line in (SHARED / "made_v2_152.ndjson").read_bytes().split(b"\n") if line]
    with running(server):
        given = official if compressed and protocol == "v1" else {}
        record_live(tmp_path, [server], events=152, protocol=protocol, dictionaries=given)

    (lines,) = read_lines(tmp_path).values()
    assert lines == (server.lines if protocol == "v1" else server.frames)
    assert len(read_actions(tmp_path, ["2026-07-04"], tmp_path / "a")) == 149
    assert ("ompress" in server.requests[0] or "zstd" in server.requests[0]) == compressed


FAULTS = {
    "closed while the server restarts": Fault("close", 3000, 1001),
    "aborted": Fault("abort", 3000),
    "closed for an internal error": Fault("close", 3000, 1011),
    "silent, with the socket open": Fault("stall", 3000),
    "too slow": Fault("too_slow", 3000),
    "not ready": Fault("refuse", 0, 503),
    "bad gateway": Fault("refuse", 0, 502),
    "delivered twice": Fault("duplicate", 3000, 500),
    "out of order": Fault("reorder", 3000, 60),
    "malformed": Fault("malformed", 3000),
    "begins an hour too early": Fault("early", 0, 100 * SECOND),
    "jumps ahead": Fault("lose", 3000, 40),
    "damaged compression": Fault("bad_zstd", 3000),
}


@pytest.mark.parametrize("protocol", ["v1", "v2"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_each_failure_leaves_the_events_of_an_undisturbed_recording(tmp_path, fault, protocol):
    server = JetstreamServer(EVENTS, faults=[[fault]])
    with running(server):
        made = replay(tmp_path, server, protocol=protocol)

    assert keys(tmp_path) == once(IN_RANGE)
    assert made.gaps == []
    assert made.is_complete
    if fault.kind in ("malformed", "bad_zstd"):
        reasons = ("not an event", "damaged zstd frame", "not UTF-8")
        assert sum(made.dropped[reason] for reason in reasons) == 1


@pytest.mark.parametrize("number", range(6))
def test_random_schedules_of_failures_leave_the_actions_of_an_undisturbed_recording(tmp_path, number):
    seed = random.SystemRandom().randrange(10**6)
    print("schedule", number, "seed", seed)  # noqa: T201 - with it a failure is played again
    generator = random.Random(seed)  # noqa: S311 - a test
    faults = [
        [
            fault._replace(after=generator.randrange(200, 4000) if fault.kind not in ("refuse", "early") else 0)
            for fault in generator.sample(list(FAULTS.values()), generator.randrange(1, 4))
        ]
        for _ in range(generator.randrange(3, 9))
    ]
    half = len(faults) // 2
    servers = [
        JetstreamServer(EVENTS, faults=faults[:half]),
        JetstreamServer(EVENTS, faults=faults[half:], first_seq=7),
    ]
    quiet = JetstreamServer(EVENTS)
    with running(*servers, quiet):
        urls = [server.url(generator.choice(["v1", "v2"])) for server in servers]
        made = record_stream(tmp_path / "made", urls=urls, start_us=START, end_us=END, stream_timeout=1.0, clocks=FAST)
        replay(tmp_path / "quiet", quiet)

    assert set(keys(tmp_path / "made")) == set(once(IN_RANGE))
    assert made.gaps == []
    actions = read_actions(tmp_path / "made", DAYS, tmp_path / "a")
    assert actions == read_actions(tmp_path / "quiet", DAYS, tmp_path / "b")


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_a_range_that_no_server_has_from_its_start_is_refused_with_what_is_missing(tmp_path, protocol):
    floor = micro("2025-03-01T23:55:00")
    servers = [JetstreamServer(EVENTS, floor_us=floor + 60 * SECOND), JetstreamServer(EVENTS, floor_us=floor)]
    with (
        running(*servers),
        pytest.raises(MissingEventsError, match=r"23:52:00\.0+Z to 2025-03-01T23:55:00\.0+Z \(180 s\)"),
    ):
        replay(tmp_path, *servers, protocol=protocol)

    assert read_lines(tmp_path) == {}
    assert [path.name for path in tmp_path.glob("[!.]*")] == []


def test_another_server_with_a_longer_history_fills_what_the_first_lacks(tmp_path):
    short = JetstreamServer(EVENTS, floor_us=micro("2025-03-01T23:55:00"))
    long = JetstreamServer(EVENTS, first_seq=90_000)
    with running(short, long):
        made = replay(tmp_path, short, long, protocol="v2")

    assert set(keys(tmp_path)) == set(once(IN_RANGE))  # a few events of the first server came before it was given up
    assert made.gaps == []
    assert all(int(path.split("cursor=")[1].split("&")[0]) > 10**15 for path in long.requests)


def test_a_stream_that_lost_its_history_in_the_middle_is_refused(tmp_path):
    server = JetstreamServer(EVENTS, faults=[[Fault("abort", 3000)]], always=[Fault("clamp", 0, 0)])
    later = [Fault("clamp", 0, micro("2025-03-02T00:01:00"))]
    server.pending += [later, later, later]
    with running(server), pytest.raises(MissingEventsError, match="to 2025-03-02T00:01:00"):
        replay(tmp_path, server)

    assert read_lines(tmp_path) == {}


def test_a_range_that_was_refused_continues_when_a_server_has_the_rest(tmp_path):
    server = JetstreamServer(EVENTS, faults=[[Fault("abort", 3000)], *[[Fault("clamp", 0, END)]] * 3])
    with running(server):
        with pytest.raises(MissingEventsError):
            replay(tmp_path, server)
        made = replay(tmp_path, server)

    assert set(keys(tmp_path)) == set(once(IN_RANGE))
    assert made.is_complete
    assert made.events >= 13_200


def test_a_silence_that_all_servers_have_is_a_gap_and_no_failure(tmp_path):
    lines = [*EVENTS[:6000], *EVENTS[6100:]]
    with running(server := JetstreamServer(lines)):
        made = replay(tmp_path, server)

    assert [(gap.to_us - gap.from_us) / SECOND for gap in made.gaps] == [5.05]
    assert read_gaps(tmp_path / "2025-03-01") == made.gaps
    assert keys(tmp_path) == once(lines[2400 : 2400 + 13_100])


def test_a_silence_before_the_range_is_told_from_a_short_history(tmp_path):
    lines = [*EVENTS[:2000], *EVENTS[2500:]]
    with running(server := JetstreamServer(lines)):
        made = replay(tmp_path, server)

    assert made.is_complete
    assert len(server.requests) == 2


def test_the_same_range_recorded_again_replaces_its_days(tmp_path):
    with running(server := JetstreamServer(EVENTS)):
        replay(tmp_path, server)
        replay(tmp_path, server)

    assert keys(tmp_path) == once(IN_RANGE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2025-03-01", "2025-03-02"]


def test_a_live_recording_finishes_an_hour_when_it_is_over_and_names_what_it_lacks(tmp_path):
    with running(server := JetstreamServer(EVENTS)):
        made, _ = record_live(tmp_path, [server], events=18_000, finish_files=False)

    assert list(read_lines(tmp_path)) == ["2025-03-01/23.jsonl.zst"]
    assert (tmp_path / "2025-03-02" / ".00.jsonl.zst.partial").is_file()
    assert [(gap.to_us, gap.why) for gap in made.gaps] == [(BEGIN, "recording began then")]
    (note,) = read_recording_notes(tmp_path / "2025-03-01")
    assert note["mode"] == "live"


def test_a_live_recording_continues_where_it_stopped_and_late_events_go_to_a_further_file(tmp_path):
    with running(server := JetstreamServer(EVENTS, per_second=6000)):
        record_live(tmp_path, [server], events=18_000, seconds=1.0)
        made, _ = record_live(tmp_path, [server], events=18_000, seconds=4)

    assert set(keys(tmp_path)) == set(once(EVENTS))
    assert made.gaps == []
    assert "2025-03-01/23-2.jsonl.zst" in read_lines(tmp_path)
    expected = tmp_path / "whole"
    with running(server := JetstreamServer(EVENTS)):
        record_live(expected, [server], events=18_000)
    assert read_actions(tmp_path, DAYS, tmp_path / "a") == read_actions(expected, DAYS, tmp_path / "b")


def test_a_live_recording_names_each_gap_of_a_second_or_more_beside_the_data(tmp_path):
    hole = micro("2025-03-02T00:01:00")
    faults = [[Fault("abort", 8000)], *[[Fault("clamp", 0, hole)]] * 3]
    with running(server := JetstreamServer(EVENTS, faults=faults)):
        made, messages = record_live(tmp_path, [server], events=14_000)

    (gap,) = made.gaps[1:]
    assert (gap.from_us, gap.to_us) == (BEGIN + 7999 * 50_000, hole)
    assert [part.to_us for part in read_gaps(tmp_path / "2025-03-02")] == [hole]
    assert read_gaps(tmp_path / "2025-03-01")[-1].to_us == micro("2025-03-02T00:00:00")
    assert any("a gap of" in message for message in messages)


def test_silence_is_noticed_within_its_timeout(tmp_path):
    with running(server := JetstreamServer(EVENTS, faults=[[Fault("stall", 500)]])):
        began = time.monotonic()
        record_live(tmp_path, [server], events=18_000, stream_timeout=1.5)

    assert len(server.requests) == 2
    assert time.monotonic() - began < 15


def test_an_account_event_from_two_servers_is_recorded_once(tmp_path):
    first = JetstreamServer(EVENTS, faults=[[Fault("abort", 5000)]], always=[Fault("refuse", 0, 503)])
    first.always = []
    first.pending += [[Fault("refuse", 0, 503)]] * 20
    second = JetstreamServer(EVENTS, first_seq=5)
    with running(first, second):
        urls = [first.url("v1"), second.url("v2")]
        record_stream(tmp_path / "made", urls=urls, start_us=START, end_us=END, stream_timeout=1, clocks=FAST)
        replay(tmp_path / "quiet", second)

    mixed = keys(tmp_path / "made")
    assert set(mixed) == set(once(IN_RANGE))
    assert all(count == 1 for name, count in mixed.items() if name[0] in ("account", "identity"))
    assert sum(mixed.values()) > len(IN_RANGE)
    actions = read_actions(tmp_path / "made", DAYS, tmp_path / "a")
    timeless = [row | {"event_time_us": 0} for row in actions]
    assert timeless == [row | {"event_time_us": 0} for row in read_actions(tmp_path / "quiet", DAYS, tmp_path / "b")]


def test_a_frame_that_is_too_large_is_counted_and_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "MAX_FRAME_BYTES", 100_000)
    with running(server := JetstreamServer(EVENTS, always=[Fault("oversize", 3000, 200_000)])):
        made = replay(tmp_path, server)

    assert keys(tmp_path) == once(IN_RANGE)
    assert made.dropped["oversize frame"] == 1
    assert "maxMessageSizeBytes" in server.requests[-1]


def test_a_dictionary_that_the_server_has_retired_is_replaced_by_its_own(tmp_path):
    with running(server := JetstreamServer(EVENTS)):
        replay(tmp_path, server, protocol="v2", dictionaries={77: make_dictionary(77)})

    assert keys(tmp_path) == once(IN_RANGE)
    assert ["zstdDictionary=77" in path for path in server.requests] == [True, False]
    assert "zstdDictionary=20260811" in server.requests[1]


def test_a_sequence_number_is_used_again_on_the_same_server_only(tmp_path):
    first = JetstreamServer(EVENTS, faults=[[Fault("abort", 3000)], [Fault("abort", 3000)]])
    with running(first):
        replay(tmp_path, first, protocol="v2")

    cursors = [int(path.split("cursor=")[1].split("&")[0]) for path in first.requests]
    assert [cursor > 10**15 for cursor in cursors] == [True, False, False]
    assert keys(tmp_path) == once(IN_RANGE)


def test_an_event_of_a_broken_clock_moves_nothing_else(tmp_path):
    odd = make_events(micro("2031-01-01T00:00:00"), 1, seed=5)[0].replace(b'"3k0', b'"3z0').replace(b'"3l0', b'"3z0')
    lines = [*EVENTS[:6000], odd, *EVENTS[6000:]]
    server = JetstreamServer(EVENTS)
    server.lines = lines
    with running(server):
        made, _ = record_live(tmp_path, [server], events=18_001)

    assert keys(tmp_path) == once(lines)
    assert len(made.gaps) == 1  # before the first event
    assert len(server.requests) == 1


def test_requests_that_every_server_refuses_end_the_recording(tmp_path):
    with running(server := JetstreamServer(EVENTS, always=[Fault("refuse", 0, 401)])):
        with pytest.raises(StreamError, match="every server refuses the stream.*HTTP status 401"):
            record_live(tmp_path, [server], events=1)
        with pytest.raises(StreamError, match="every server refuses"):
            replay(tmp_path, server)


def test_a_range_ends_when_no_server_can_be_reached(tmp_path):
    with pytest.raises(StreamError, match="no server of PERSONA_JETSTREAM_URLS"):
        record_stream(
            tmp_path,
            urls=["ws://127.0.0.1:9/subscribe"],
            start_us=START,
            end_us=END,
            clocks=FAST._replace(scale=0.0),
        )


def test_two_recordings_into_one_folder_are_refused(tmp_path):
    with running(server := JetstreamServer(EVENTS)):

        def look(_):
            with pytest.raises(CaptureFilesError, match="another process records into"):
                record_stream(tmp_path, urls=[server.url("v1")])
            looked.append(1)

        looked = []
        stop = threading.Event()
        threading.Timer(0.5, stop.set).start()
        record_stream(tmp_path, urls=[server.url("v1")], stop=stop, on_progress=look)
    assert looked


def test_a_full_disk_is_one_clear_error_and_recording_goes_on_with_space(small_disk, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_FLUSH_BYTES", 100_000)
    root = small_disk / "capture"
    with running(server := JetstreamServer(EVENTS)):
        with pytest.raises(StorageError, match="no space left in the capture"):
            record_live(root, [server], events=18_000)
        kept = shutil.copytree(root, tmp_path / "capture")
        (partial,) = [*kept.glob("*/.*.partial")]
        assert find_length_of_whole_frames(partial) == partial.stat().st_size > 10_000
        made, _ = record_live(kept, [server], events=18_000, seconds=5)

    assert set(keys(kept)) == set(once(EVENTS))
    assert 0 < made.events < 18_000


def test_filters_are_sent_and_noted_without_ids(tmp_path):
    did = "did:plc:000000000000000000000007"
    filters = Filters(collections=("app.bsky.feed.post",), dids=(did,))
    for protocol in ("v1", "v2"):
        root = tmp_path / protocol
        with running(server := JetstreamServer(EVENTS)):
            made = replay(root, server, protocol=protocol, filters=filters)
        expected = {
            name: 1
            for name in once(IN_RANGE)
            if name[1] == did and name[0] in ("account", "identity", "create") and "app.bsky.feed.like" not in name
        }
        assert made.is_complete
        assert keys(root) == expected
        note, complete = read_recording_notes(root / "2025-03-01")
        assert complete["mode"] == "complete"
        assert note["collections"] == ["app.bsky.feed.post"]
        assert note["dids"]["count"] == 1
        assert did not in (root / "2025-03-01" / ".capture.json").read_text(encoding="utf-8")


def test_many_ids_are_sent_in_a_message_on_v1(tmp_path):
    dids = tuple(f"did:plc:{number:024d}" for number in range(200))
    with running(server := JetstreamServer(EVENTS)):
        replay(tmp_path, server, filters=Filters(dids=dids))

    assert keys(tmp_path) == once(IN_RANGE)
    assert "requireHello=true" in server.requests[0]


def test_what_is_asked_for_must_make_sense(tmp_path):
    with pytest.raises(SettingsError, match="a range needs a start"):
        record_stream(tmp_path, urls=["ws://h/subscribe"], end_us=END)
    with pytest.raises(SettingsError, match="names no server"):
        record_stream(tmp_path, urls=[])
