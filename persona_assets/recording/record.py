"""Record the stream of Jetstream into a capture, without an end or for a range of time."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from persona_assets.recording.results import Filters, Progress, Recording


def record(  # noqa: PLR0913 - a stream, a place and a range
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
) -> Recording:
    """Record events into hour files below `root`.

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

    Returns:
        The totals. Memory: at most about 200 MB, whatever the length of the recording.

    Raises:
        StreamHoleError: No server has all events of the range; names what is missing. Nothing appears in `root`.
        StreamError: No server can be reached (with `end_us` only), or all refuse the request.
        StorageError: The disk is full; what was written before is whole.
        SettingsError: An address or a filter is not valid.
        CaptureError: Another process records into `root`.
    """
    raise NotImplementedError
