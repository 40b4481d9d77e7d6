"""The loop of a recording, where it depends on the clock; everything else is in `test_record.py`."""

import threading

from persona_assets.recording.record import record_stream
from persona_assets.recording.recorder import Clocks
from persona_assets.recording.results import Filters
from persona_assets_tests.jetstream_server import SECOND, Fault, JetstreamServer, make_events, micro, running
from persona_assets_tests.recording.recorded import FAST, key, keys, record_live

BEGIN = micro("2025-03-01T10:10:00")
EVENTS = make_events(BEGIN, 6000)  # five minutes


def test_after_catching_up_on_v1_the_last_seconds_are_read_again(tmp_path):
    """Events that the server loses as it turns to live ones, too few for a jump in time, are had so."""
    clocks = Clocks(now=lambda: BEGIN / SECOND + 299, scale=0.02)
    with running(server := JetstreamServer(EVENTS, faults=[[Fault("lose", 5900, 12)]], per_second=5000)):
        record_live(tmp_path, [server], events=5980, start_us=BEGIN + SECOND, clocks=clocks, seconds=6)

    cursors = [int(path.split("cursor=")[1]) for path in server.requests]
    assert len(cursors) == 2
    assert BEGIN + 200 * SECOND < cursors[1] < BEGIN + 290 * SECOND
    assert keys(tmp_path) == {key(line): 1 for line in EVENTS[20:]}


def test_few_accounts_that_are_silent_at_the_end_of_a_range_end_it(tmp_path):
    made = make_events(BEGIN, 1000)
    did = "did:plc:000000000000000000000003"
    with running(server := JetstreamServer(made)):
        recording = record_stream(
            tmp_path,
            urls=[server.url("v1")],
            start_us=BEGIN + 20 * SECOND,
            end_us=BEGIN + 600 * SECOND,
            filters=Filters(dids=(did,)),
            stream_timeout=0.5,
            clocks=FAST,
        )

    assert recording.is_complete
    assert keys(tmp_path) == {key(line): 1 for line in made[400:] if did.encode() in line[:60]}


def test_progress_is_reported_during_silence(tmp_path):
    seen = []
    stop = threading.Event()
    with running(server := JetstreamServer([])):

        def look(progress):
            seen.append(progress)
            if len(seen) == 2:
                stop.set()

        made = record_stream(tmp_path, urls=[server.url("v2")], stop=stop, on_progress=look, clocks=FAST)

    assert made.events == 0
    assert seen[0].last_time_us is None
