"""Record from test servers, and read back what was recorded, by the product's own functions."""

import datetime as dt
import json
import threading
from collections import Counter

import pyarrow.dataset as pads
import zstandard
from upath import UPath

from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.capture.files import find_files
from persona_assets.errors import CaptureFilesError
from persona_assets.recording.record import record_stream
from persona_assets.recording.recorder import Clocks

FAST = Clocks(scale=0.02)


def read_lines(root):
    """All lines of the visible hour files, by file."""
    unpacker = zstandard.ZstdDecompressor()
    found = {}
    for file in sorted(root.glob("[!.]*/[!.]*")):
        with file.open("rb") as opened:
            content = unpacker.stream_reader(opened, read_across_frames=True).read()
        found[file.relative_to(root).as_posix()] = content.splitlines()
    return found


def key(line):
    """What identifies an event on any server: revision of a commit, body of another event."""
    event = json.loads(line)
    event = event.get("payload", event)
    for kind in ("account", "identity"):
        if kind in event:
            return (kind, event["did"], event[kind]["seq"])
    commit = event.get("commit", event)
    return (commit["operation"], event["did"], commit["collection"], commit["rkey"], commit["rev"])


def keys(root):
    return Counter(key(line) for lines in read_lines(root).values() for line in lines)


def record_live(root, servers, *, events, protocol="v1", seconds=30, **options):
    """Record without an end until so many different events were written; then finish all files."""
    stop = threading.Event()
    messages = []

    def look(progress):
        messages.append(progress.message)
        if progress.events >= events:
            stop.set()

    timer = threading.Timer(seconds, stop.set)
    timer.start()
    try:
        options = {"stream_timeout": 1.0, "clocks": FAST, "finish_files": True} | options
        urls = [server.url(protocol) if not isinstance(server, str) else server for server in servers]
        made = record_stream(root, urls=urls, stop=stop, on_progress=look, **options)
    finally:
        timer.cancel()
    return made, [message for message in messages if message]


def read_actions(root, days, scratch):
    """The rows of `user_actions` of all days, sorted."""
    rows = []
    for at, day in enumerate(days):
        try:
            files = find_files(UPath(root), dt.date.fromisoformat(day), pattern=None)
        except CaptureFilesError:
            continue
        folders = [scratch / f"{name}{at}" for name in ("raw", "actions")]
        for folder in folders:
            folder.mkdir(parents=True)
        parsed = parse_files(files, day=dt.date.fromisoformat(day), workers=1, scratch=folders[0])
        assert parsed.counts.rejected.total() == 0
        made = extract_distinct_actions(pads.dataset(parsed.raw_events), memory_limit="1GB", scratch=folders[1])
        rows += pads.dataset(made.user_actions).to_table().to_pylist()
    return sorted(rows, key=repr)
