import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from persona_assets.command_line.record_stream import (
    _describe_lag,
    describe_missing_collections,
    read_stream_filters,
    set_on_signals,
)
from persona_assets.errors import SettingsError
from persona_assets.recording.results import Filters
from persona_assets.settings import Settings
from persona_assets_tests.jetstream_server import Fault, JetstreamServer, make_events, micro, running
from persona_assets_tests.recording.recorded import key, keys

EVENTS = make_events(micro("2025-03-01T10:10:00"), 2000)
COMMAND = [sys.executable, "-m", "persona_assets.command_line.record_stream"]


def start(root, server, *arguments, **settings):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERSONA_")}
    environment |= {"PERSONA_CAPTURE": str(root), "PERSONA_JETSTREAM_URLS": server.url("v2")} | settings
    return subprocess.Popen([*COMMAND, *arguments], env=environment, stderr=subprocess.PIPE, text=True)


def test_it_records_until_it_is_told_to_end_and_continues(tmp_path):
    with running(server := JetstreamServer(EVENTS)):
        for _ in range(2):
            process = start(tmp_path, server)
            assert any("recording into" in line for line in process.stderr)  # it takes signals from then on
            deadline = time.monotonic() + 60
            while not list(tmp_path.glob("*/.*.partial")) and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            _, messages = process.communicate(timeout=120)
            assert process.returncode == 0, messages
            assert "stopped: " in messages
        process = start(tmp_path, server, "--seconds", "3")
        assert process.wait(60) == 0
        process.stderr.close()

    assert set(keys(tmp_path)) == {key(line) for line in EVENTS}
    assert [path.name for path in tmp_path.glob("2025-03-01/[!.]*")] == ["10.jsonl.zst"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))


def test_a_signal_ends_a_recording_whatever_it_interrupts():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stop = threading.Event()
    try:
        set_on_signals(stop)
        with stop._cond:  # as within `stop.wait`
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)
        assert stop.wait(60)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_cursor_says_where_to_begin(tmp_path):
    begin = micro("2025-03-01T10:11:00")
    with running(server := JetstreamServer(EVENTS)):
        process = start(tmp_path, server, "--seconds", "3", "--cursor", str(begin))
        assert process.wait(60) == 0
        process.stderr.close()

    assert set(keys(tmp_path)) == {key(line) for line in EVENTS[1200:]}


def test_errors_are_one_line_with_the_remedy(tmp_path):
    with running(server := JetstreamServer(EVENTS, always=[Fault("refuse", 0, 401)])):
        process = start(tmp_path, server)
        _, messages = process.communicate(timeout=60)
        assert process.returncode == 1
        assert messages.splitlines()[-1].endswith("PERSONA_STREAM_COLLECTIONS and PERSONA_STREAM_DIDS")
        process = start("s3://bucket/capture", server)
        _, messages = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "must be a local folder" in messages


def test_filters_are_read_from_settings(tmp_path):
    file = tmp_path / "dids.txt"
    file.write_text("did:plc:a\n\ndid:plc:b \ndid:plc:a\n", encoding="utf-8")

    settings = Settings(stream_collections="app.bsky.feed.post, app.bsky.graph.*", stream_dids=str(file))

    assert read_stream_filters(settings) == Filters(
        ("app.bsky.feed.post", "app.bsky.graph.*"), ("did:plc:a", "did:plc:b")
    )
    assert read_stream_filters(Settings()) == Filters()


@pytest.mark.parametrize("content", ["", "alice.example\n", "did:plc:a\nsecret\n"])
def test_a_file_of_something_else_is_refused_without_quoting_it(tmp_path, content):
    file = tmp_path / "dids.txt"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(SettingsError, match="PERSONA_STREAM_DIDS") as refused:
        read_stream_filters(Settings(stream_dids=str(file)))
    assert "secret" not in str(refused.value)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_stream_filters(Settings(stream_dids=str(tmp_path / "none")))


def test_a_filter_that_leaves_out_what_accounts_allow_warns():
    assert describe_missing_collections(Filters()) is None
    warning = describe_missing_collections(Filters(("app.bsky.feed.post", "app.bsky.actor.profile")))
    assert "community.lexicon.preference.ai, org.user-intents.declaration:" in warning
    assert "profile" not in warning


def test_lag_is_told_in_seconds():
    now = dt.datetime(2025, 3, 1, tzinfo=dt.UTC).timestamp()
    assert _describe_lag(None, now=now) == "no event yet"
    assert _describe_lag(int((now - 90) * 1e6), now=now) == "90.0 s behind"
