"""`persona-record`: record the stream of Jetstream into the capture, until it is stopped.

Settings say where to and from which servers. It continues where the last recording stopped.
"""

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import click
from upath import UPath

from persona_assets.capture.zstd_dictionaries import load_zstd_dictionaries
from persona_assets.common.lexicon import CONSENT_COLLECTIONS, PROFILE
from persona_assets.errors import PersonaAssetsError, SettingsError
from persona_assets.recording.record import record_stream
from persona_assets.recording.results import Filters, Progress, find_excluded_collections
from persona_assets.settings import Settings, read_settings

# Every step that reads a capture needs these: refusals of accounts, and what profiles say.
NEEDED_COLLECTIONS = (*CONSENT_COLLECTIONS, PROFILE)
_REPORT_SECONDS = 10.0
_MICROSECONDS = 1_000_000
_LOG = logging.getLogger("persona_record")


class ProgressLog:
    """Progress callback of a recording: logs messages at once, and counts and lag every ten seconds."""

    def __init__(self) -> None:
        """Start the ten-second interval now."""
        self._last = time.monotonic()
        self._events = 0

    def __call__(self, progress: Progress) -> None:
        """Log a state, if it is time for it."""
        if progress.message:
            _LOG.info(progress.message)
        seconds = time.monotonic() - self._last
        if seconds < _REPORT_SECONDS:
            return
        rate = (progress.events - self._events) / seconds
        self._last, self._events = time.monotonic(), progress.events
        _LOG.info(
            "%s events, %s/s, %s, %.1f MB, %d reconnections, %d gaps",
            f"{progress.events:,}",
            f"{rate:,.0f}",
            _describe_lag(progress.last_time_us, now=time.time()),
            progress.raw_bytes / 1e6,
            progress.reconnects,
            progress.gaps,
        )


def read_stream_filters(settings: Settings) -> Filters:
    """Return the stream filters that the settings define: the collections and account ids (DIDs) to record.

    Raises:
        SettingsError: The file of account ids cannot be read, or a line of it is no account id.
    """
    collections = tuple(name.strip() for name in (settings.stream_collections or "").split(",") if name.strip())
    return Filters(collections, _read_dids(settings.stream_dids) if settings.stream_dids else ())


def describe_missing_collections(filters: Filters) -> str | None:
    """Return a warning that names the collections that later steps need and `filters` exclude; None if none."""
    missing = find_excluded_collections(filters, NEEDED_COLLECTIONS)
    if not missing:
        return None
    return (
        f"PERSONA_STREAM_COLLECTIONS leaves out {', '.join(missing)}: with them accounts say how their posts may be "
        "used, and this capture will not know it. Add them"
    )


def set_on_signals(stop: threading.Event) -> None:
    """Let SIGTERM and SIGINT set `stop`."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # In a thread: the handler may interrupt a wait for `stop` that holds its lock, and would wait for it forever.
        signal.signal(number, lambda *_: threading.Thread(target=stop.set).start())


def run_recorder(settings: Settings, *, cursor: int | None, seconds: float | None) -> None:
    """Record the stream into the capture for `seconds`, or, with None, until SIGTERM or SIGINT.

    Args:
        settings: The settings.
        cursor: Where to begin, in UTC microseconds; None continues.
        seconds: After which recording ends, and all files are put in place; None for no end.

    Raises:
        PersonaAssetsError: Recording cannot begin or go on.
    """
    filters = read_stream_filters(settings)
    if warning := describe_missing_collections(filters):
        _LOG.warning(warning)
    root = UPath(settings.capture)
    if root.protocol not in ("", "file"):
        raise SettingsError("PERSONA_CAPTURE must be a local folder to record into: copy its files elsewhere later")
    os.umask(int(settings.umask, 8))
    stop = threading.Event()
    set_on_signals(stop)
    if seconds is not None:
        timer = threading.Timer(seconds, stop.set)
        timer.daemon = True
        timer.start()
    dictionaries = load_zstd_dictionaries(UPath(settings.zstd_dictionaries)) if settings.zstd_dictionaries else {}
    _LOG.info("recording into %s", root)
    made = record_stream(
        Path(root.path),
        urls=settings.jetstream_urls.split(","),
        start_us=cursor,
        stream_timeout=settings.stream_timeout,
        filters=filters,
        dictionaries=dictionaries,
        stop=stop,
        on_progress=ProgressLog(),
        finish_files=seconds is not None,
    )
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in sorted(made.dropped.items())) or "none"
    _LOG.info("stopped: %s events, %d gaps; frames left out: %s", f"{made.events:,}", len(made.gaps), dropped)


@click.command(name="persona-record")
@click.option(
    "--cursor",
    type=click.IntRange(min=0),
    metavar="MICROSECONDS",
    help="Begin there (UTC microseconds), not where the last recording stopped. Servers keep about 36 hours.",
)
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after this time, and finish all files."
)
def main(cursor: int | None, seconds: float | None) -> None:
    """Record Bluesky's public events into the capture (PERSONA_CAPTURE), an hour a file, until stopped.

    It continues where it stopped, as far as servers still have the events. What is missing is written in `.gaps.json`
    in the folder of its day.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    # The client's own messages repeat what is logged here.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        run_recorder(read_settings(), cursor=cursor, seconds=seconds)
    except PersonaAssetsError as error:
        sys.exit(str(error))


def _read_dids(place: str) -> tuple[str, ...]:
    try:
        lines = Path(place).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"PERSONA_STREAM_DIDS: the file cannot be read ({type(error).__name__})") from error
    dids = [line.strip() for line in lines if line.strip()]
    for number, did in enumerate(dids, 1):
        if not did.startswith("did:") or len(did) > 2048:  # noqa: PLR2004 - the limit of the protocol
            raise SettingsError(f"PERSONA_STREAM_DIDS: id {number} of the file does not begin with `did:`")
    if not dids:
        raise SettingsError("PERSONA_STREAM_DIDS: the file has no ids; unset it to record all accounts")
    return tuple(dict.fromkeys(dids))


def _describe_lag(time_us: int | None, *, now: float) -> str:
    return "no event yet" if time_us is None else f"{max(0.0, now - time_us / _MICROSECONDS):,.1f} s behind"


if __name__ == "__main__":
    main()
