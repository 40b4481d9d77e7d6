"""A recorder that is killed, whenever that is, loses nothing, and shows no file that is not whole."""

import multiprocessing
import os
import random
import signal
import sys
import threading
import time

import pytest
import zstandard

from persona_assets.recording import store
from persona_assets.recording.json_files import read_json
from persona_assets.recording.record import record_stream
from persona_assets_tests.jetstream_server import Fault, JetstreamServer, make_events, micro, running
from persona_assets_tests.recording.recorded import FAST, key, keys, read_actions, record_live

BEGIN = micro("2025-03-01T23:40:00")
EVENTS = make_events(BEGIN, 24_000, spacing_us=100_000)  # 40 minutes
DAYS = ("2025-03-01", "2025-03-02")
_WRITES = ("open", "os.rename", "os.mkdir", "os.truncate", "os.remove")


def _record_and_die(root, url, nth, seconds):
    """Record; die at the nth writing, or after some seconds."""
    store._FLUSH_BYTES, store._FLUSH_SECONDS = 30_000, 0.02
    seen = 0

    def watch(event, about):
        nonlocal seen
        if event not in _WRITES or str(root) not in str(about[0]):
            return
        if event == "open" and not about[2] & (os.O_WRONLY | os.O_RDWR):
            return
        seen += 1
        if seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    if nth:
        sys.addaudithook(watch)
    timer = threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGKILL])
    timer.daemon = True
    timer.start()
    record_stream(root, urls=[url], stream_timeout=2.0, clocks=FAST)


def assert_visible_files_are_whole(root):
    for file in root.glob("*/*.jsonl.zst"):
        with file.open("rb") as opened:
            content = zstandard.ZstdDecompressor().stream_reader(opened, read_across_frames=True).read()
        assert content.endswith(b"\n")


def kill_often(root, kills, seed):
    """Kill recorders of one folder, then let one record the rest; return how many were killed at a writing."""
    generator = random.Random(seed)  # noqa: S311 - a test
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    deaths = 0
    with running(server := JetstreamServer(EVENTS, per_second=len(EVENTS) / (kills * 0.06))):
        for _ in range(kills):
            nth = generator.choice([0, generator.randrange(1, 40)])
            arguments = (root, server.url("v1"), nth, generator.uniform(0.2, 0.6))
            process = context.Process(target=_record_and_die, args=arguments)
            process.start()
            process.join()
            assert process.exitcode == -signal.SIGKILL
            deaths += nth > 0
            assert_visible_files_are_whole(root)
        server.per_second = None
        recorded = set(map(tuple, keys(root)))
        record_live(root, [server], events=len(EVENTS), seconds=6)
    assert len(recorded) <= len(EVENTS)
    return deaths


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize("kills", [100])
def test_a_recorder_that_is_killed_at_any_moment_loses_nothing_and_repeats_nothing(tmp_path, kills):
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # noqa: T201 - with it a failure is played again
    root = tmp_path / "made"
    root.mkdir()

    deaths = kill_often(root, kills, seed)

    assert deaths > kills // 4
    assert_visible_files_are_whole(root)
    assert not list(root.glob("*/.*.partial"))
    assert set(keys(root)) == {key(line) for line in EVENTS}
    with running(server := JetstreamServer(EVENTS)):
        record_live(tmp_path / "quiet", [server], events=len(EVENTS))
    assert read_actions(root, DAYS, tmp_path / "a") == read_actions(tmp_path / "quiet", DAYS, tmp_path / "b")


@pytest.mark.faults
def test_a_replay_that_is_killed_continues_and_shows_nothing_before_it_is_whole(tmp_path):
    start, end = BEGIN + 60_000_000, BEGIN + 1_800_000_000
    context = multiprocessing.get_context("forkserver")
    with running(server := JetstreamServer(EVENTS, per_second=20_000)):
        process = context.Process(target=_replay, args=(tmp_path, server.url("v2"), start, end))
        process.start()
        deadline = time.monotonic() + 60
        state = tmp_path / f".replay-{start}-{end}" / store.STATE_NAME
        while read_json(state).get("cursor_us", 0) < start + 60_000_000 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert not list(tmp_path.glob("[!.]*"))
        (begun,) = tmp_path.glob(".replay-*")
        assert list(begun.glob("*/.*.partial"))
        made = record_stream(tmp_path, urls=[server.url("v2")], start_us=start, end_us=end, clocks=FAST)

    assert made.is_complete
    assert int(server.requests[-1].split("cursor=")[1].split("&")[0]) > start
    assert set(keys(tmp_path)) == {key(line) for line in EVENTS[600:18_000]}


def _replay(root, url, start, end):
    store._FLUSH_BYTES, store._FLUSH_SECONDS = 30_000, 0.02
    record_stream(root, urls=[url], start_us=start, end_us=end, clocks=FAST)


def test_a_stopped_recorder_has_everything_on_disk(tmp_path):
    stop = threading.Event()
    with running(server := JetstreamServer(EVENTS, always=[Fault("stall", 5000)])):
        threading.Timer(1.5, stop.set).start()
        began = time.monotonic()
        made = record_stream(tmp_path, urls=[server.url("v1")], stop=stop, clocks=FAST)

    assert time.monotonic() - began < 4
    assert made.events == 5000
    (partial,) = tmp_path.glob("*/.*.partial")
    with partial.open("rb") as opened:
        content = zstandard.ZstdDecompressor().stream_reader(opened, read_across_frames=True).read()
    assert content.splitlines() == EVENTS[:5000]
