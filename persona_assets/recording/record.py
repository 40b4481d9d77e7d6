"""Record the stream of Jetstream into a capture, without an end or for a range of time."""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from persona_assets.errors import CaptureFilesError, SettingsError
from persona_assets.recording.addresses import parse_addresses, require_accepted_filters
from persona_assets.recording.dictionaries import DictionaryChooser
from persona_assets.recording.hour_files import explaining_full_capture
from persona_assets.recording.publish import publish_days
from persona_assets.recording.recorder import Clocks, Recorder, RecorderOptions
from persona_assets.recording.results import Filters, Progress, Recording
from persona_assets.recording.store import RecordingStore

_LOCK_NAME = ".recorder.lock"


def record_stream(  # noqa: PLR0913 - a stream, a place and a range
    root: Path,
    *,
    urls: Sequence[str],
    start_us: int | None = None,
    end_us: int | None = None,
    stream_timeout: float = 60.0,
    filters: Filters | None = None,
    dictionaries: Mapping[int, bytes] | None = None,
    stop: threading.Event | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    finish_files: bool = False,
    clocks: Clocks | None = None,
) -> Recording:
    """Subscribe to Jetstream and write its events to one file per hour below `root`, until stopped or `end_us`.

    With `end_us`, the range [start_us, end_us) is replayed: reading begins 10 s before it and goes on until events are
    60 s beyond it. The files appear in `root` together, when the whole range has been recorded. A range that was
    interrupted continues where it stopped, when it is recorded again. Without `end_us`, recording goes on until `stop`
    is set; each hour file appears when its hour is over.

    Args:
        root: The folder of the capture.
        urls: Addresses of Jetstream servers with their path, tried in this order: `wss://HOST/subscribe` (v1) or
            `wss://HOST/xrpc/network.bsky.jetstream.subscribeEvents` (v2).
        start_us: Where to begin, in UTC microseconds. Required with `end_us`. Without both, recording continues where
            the recording in `root` stopped, and begins with the live stream if there is none.
        end_us: End of the range, in UTC microseconds, exclusive.
        stream_timeout: Seconds without an event after which the connection counts as lost.
        filters: What to ask for; None asks for everything.
        dictionaries: zstd dictionaries by id, with which the server is asked to compress: 1612007021 for v1. That of v2
            is fetched if it is not among them.
        stop: Ends the recording when it is set; what was received is on disk when the function returns.
        on_progress: Called about once a second, and when something happens.
        finish_files: Whether files of hours that are not over are finished too when recording stops. A later
            recording then continues the hour in a further file, `HH-2.jsonl.zst`.
        clocks: For tests.

    Returns:
        The totals. Memory: at most about 200 MB, whatever the length of the recording.

    Raises:
        MissingEventsError: No server has all events of the range; names what is missing. Nothing appears in `root`.
        StreamError: No server can be reached (with `end_us` only), or all refuse the request.
        StorageError: The disk is full; what was written before is whole.
        SettingsError: An address or a filter is not valid.
        CaptureFilesError: Another process records into `root`.
    """
    addresses = parse_addresses(tuple(urls))
    filters = filters or Filters()
    require_accepted_filters(filters)
    if end_us is not None and (start_us is None or start_us >= end_us):
        raise SettingsError("a range needs a start before its end")
    is_range = end_us is not None
    place = root / f".replay-{start_us}-{end_us}" if is_range else root
    with explaining_full_capture(root), _lock(place):
        store = RecordingStore(place, filters, mode="replay" if is_range else "live", keep_totals=is_range)
        if not store.is_complete:
            if not is_range and start_us is not None:
                store.cursor_us = None
            Recorder(
                store,
                addresses,
                RecorderOptions(start_us, end_us, stream_timeout, filters),
                dictionaries=DictionaryChooser(dictionaries or {}),
                stop=stop or threading.Event(),
                on_progress=on_progress,
                clocks=clocks or Clocks(),
            ).run()
            if store.totals.is_complete or (finish_files and not is_range):
                store.finish_files(is_complete=store.totals.is_complete)
        store.totals.is_complete = store.is_complete
        if start_us is not None and end_us is not None and store.is_complete:
            store.totals.files = publish_days(place, root, start_us=start_us, end_us=end_us)
    return store.totals


@contextmanager
def _lock(folder: Path) -> Generator[None]:
    """Let no other process record into a folder, which is made, while the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK_NAME, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise CaptureFilesError(
            f"another process records into {folder}: stop it, or set PERSONA_CAPTURE to another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()
