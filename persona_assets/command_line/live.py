"""`make live`: record some minutes of the network, make personas of whatever came, and open their report."""

import argparse
import datetime as dt
import os
import subprocess
import sys
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from upath import UPath

from persona_assets.command_line.run_stages import Stage, StageFailedError, print_finished_stage, print_line, run_stages
from persona_assets.errors import PersonaAssetsError
from persona_assets.partitions import DAY_FORMAT
from persona_assets.settings import read_settings

FOLDER = Path("data/live")
# What is set unless the environment says otherwise. Ten minutes have users with two English posts or more by the
# thousand, and no planted number of personas.
DEFAULTS = {
    "PERSONA_CAPTURE": str(FOLDER / "capture"),
    "PERSONA_DATA": str(FOLDER / "assets"),
    "PERSONA_INCLUDE_TODAY": "true",
    "PERSONA_WINDOW_DAYS": "2",
    "PERSONA_AUTO_CLUSTER": "true",
}


class LiveRecordingError(Exception):
    """The recorder failed or recorded no events. The message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Record the live stream for some minutes, run the graph on it, open the report; return the exit status.

    Args:
        arguments: Those of the command line; None for the process's own.
    """
    parser = argparse.ArgumentParser(prog="python -m persona_assets.command_line.live", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long to record; default %(default)s")
    parser.add_argument("--no-open", action="store_true", help="print the address of the report, and open no browser")
    options = parser.parse_args(arguments)
    today = dt.datetime.now(dt.UTC).date()
    for name, value in (DEFAULTS | {"PERSONA_START_DATE": f"{today}"}).items():
        os.environ.setdefault(name, value)
    try:
        report = _run(seconds=60 * options.minutes, start=today)
    except (LiveRecordingError, StageFailedError, PersonaAssetsError) as error:
        parser.exit(1, f"\n{error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "\nInterrupted. What was recorded stays; run it again to record more.\n")
    if not options.no_open:
        webbrowser.open(report)
    return 0


def _run(*, seconds: float, start: dt.date) -> str:
    """Record from `start` on, make the personas of the last day, and return the address of their report."""
    settings = read_settings()
    capture = Path(settings.capture)
    began = time.perf_counter()
    print_line(sys.stdout, f"Recording {seconds / 60:g} minutes of Bluesky's public events: {capture}")
    # A process of its own: it ends recording on a signal, and leaves the handling of signals here as it is.
    recorder = [sys.executable, "-m", "persona_assets.command_line.record_stream", "--seconds", f"{seconds}"]
    if status := subprocess.run(recorder, check=False).returncode:  # noqa: S603 - our own command
        raise LiveRecordingError(
            f"the recorder ended with status {status}; its last line says why. Without a network, `make demo` shows "
            "the graph on a made-up capture."
        )
    days = _list_days(capture, start)
    if not days:
        raise LiveRecordingError(
            "no event arrived: check the network and PERSONA_JETSTREAM_URLS, or record longer (--minutes)"
        )
    print_finished_stage(sys.stdout, "", began, f"events of {' and '.join(days)}")
    run_stages(
        [
            Stage("prepare_days", "Preparing what came: parse events, keep English posts, embed them", days),
            Stage("make_personas", "Making personas: cluster users, write their files and a report", days[-1:]),
        ],
        capture.parent / "live.log",
    )
    report = (UPath(settings.data).absolute() / "cluster_stats" / days[-1] / "report.html").as_uri()
    print_line(sys.stdout, f"\nReport: {report}")
    print_line(sys.stdout, "Next:   let `persona-record` run for a day or more; docs/capture.md")
    return report


def _list_days(capture: Path, start: dt.date) -> list[str]:
    """Return the days from `start` on, at most two, that have files."""
    days = [(start + dt.timedelta(number)).strftime(DAY_FORMAT) for number in range(2)]
    return [day for day in days if any((capture / day).glob("*.jsonl.zst"))]


if __name__ == "__main__":
    sys.exit(main())
