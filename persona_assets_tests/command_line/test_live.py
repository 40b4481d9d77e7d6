"""`make live` against a server on the loopback interface that plays a made-up capture as if it happened now."""

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from persona_assets.sample.write import write_capture
from persona_assets_tests.jetstream_server import JetstreamServer, running

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.model]


def is_event(line):
    """The made-up capture has damaged lines too."""
    try:
        event = json.loads(line)
        return isinstance(event[event["kind"]], dict)
    except (ValueError, KeyError, TypeError):
        return False


def play_now(root):
    """Return the lines of a made-up day, their times moved into the last two minutes."""
    write_capture(root / "made up", days=1, start_date=dt.date(2025, 3, 1), users=120, personas=2, seed=0)
    files = sorted(path for path in (root / "made up").rglob("*") if path.is_file())
    lines = sorted(
        filter(is_event, (line for file in files for line in file.read_bytes().splitlines())),
        key=lambda line: json.loads(line)["time_us"],
    )
    start = time.time_ns() // 1000 - 120_000_000
    step = 119_000_000 // len(lines)
    return [re.sub(rb'"time_us":\d+', b'"time_us":%d' % (start + at * step), line) for at, line in enumerate(lines)]


def run_live(root, *arguments, **settings):
    (root / "home").mkdir(exist_ok=True)
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", root / "home")
    given = {"CAPTURE": root / "live" / "capture", "DATA": root / "live" / "assets", "STREAM_TIMEOUT": 5, **settings}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERSONA_")}
    return subprocess.run(
        [sys.executable, "-m", "persona_assets.command_line.live", "--no-open", *arguments],
        cwd=ROOT,
        env=environment
        | {f"PERSONA_{name}": str(value) for name, value in given.items()}
        | {"DAGSTER_HOME": str(root / "home"), "TMPDIR": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_minutes_of_the_stream_become_personas_with_a_report(tmp_path):
    lines = play_now(tmp_path)
    with running(server := JetstreamServer(lines)):
        done = run_live(
            tmp_path, "--minutes", "0.2", JETSTREAM_URLS=server.url("v2"), AUTO_CLUSTER="false", N_CLUSTERS=2
        )

    assert done.returncode == 0, done.stdout
    (report,) = re.findall(r"Report: file://(\S+)", done.stdout)
    assert "<html" in Path(report).read_text()
    assert re.search(rf"{len(lines):,} events", done.stdout)


def test_without_a_server_it_says_so_and_what_works_instead(tmp_path):
    done = run_live(tmp_path, "--minutes", "0.1", JETSTREAM_URLS="ws://127.0.0.1:9/subscribe")

    assert done.returncode == 1
    assert "make demo" in done.stdout or "PERSONA_JETSTREAM_URLS" in done.stdout
    assert "Traceback" not in done.stdout
