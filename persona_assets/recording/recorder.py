"""The loop of a recording: connect, read, notice what is missing, and bring what was received to the disk."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from persona_assets.common.utc_times import DAY_US, format_time
from persona_assets.errors import MissingEventsError
from persona_assets.recording.addresses import MICROSECONDS, StreamAddress
from persona_assets.recording.attempts import REWIND_US, Attempt, AttemptPlanner
from persona_assets.recording.connection import (
    Connection,
    ConnectionLostError,
    FrameDecompressionError,
    SubscriptionError,
    open_connection,
)
from persona_assets.recording.continuity import MIN_GAP_US, GapDetector
from persona_assets.recording.dictionaries import DictionaryChooser
from persona_assets.recording.frames import FrameScanner, MalformedFrameError, ServerMessageError
from persona_assets.recording.recent_frames import RecentFrames
from persona_assets.recording.results import Filters, Gap, Progress
from persona_assets.recording.retries import ConnectionRetries
from persona_assets.recording.store import RecordingStore

# Events that a server delivers again from further before the cursor than this are not recorded again.
_MAX_DISORDER_US = 30 * MICROSECONDS
# A range is whole when events are this far beyond it.
BEYOND_END_US = 60 * MICROSECONDS
_LIVE_LAG_US, _CATCH_UP_US, _CUTOVER_SECONDS = 2 * MICROSECONDS, 60 * MICROSECONDS, 5.0
_POLL_SECONDS = 0.25


class Clocks(NamedTuple):
    """Clock functions that a recording uses, and a factor for its waits; tests replace them."""

    monotonic: Callable[[], float] = time.monotonic  # seconds
    now: Callable[[], float] = time.time  # seconds of the Unix epoch
    scale: float = 1.0  # by which waits between attempts are multiplied


class RecorderOptions(NamedTuple):
    """Options of a recording: the range of time, the timeout and the filters."""

    start_us: int | None
    end_us: int | None
    stream_timeout: float
    filters: Filters


class _ReadAgainError(Exception):
    """The connection is given up on purpose; the argument says why."""


class Recorder:
    """Loop of a recording: connects, reads events, detects gaps, and writes to a `RecordingStore`."""

    def __init__(  # noqa: PLR0913 - the parts of a recording
        self,
        store: RecordingStore,
        addresses: list[StreamAddress],
        options: RecorderOptions,
        *,
        dictionaries: DictionaryChooser,
        stop: threading.Event,
        on_progress: Callable[[Progress], None],
        clocks: Clocks,
    ) -> None:
        """Start where the store's last recording stopped, or, in a new store, where `options` say."""
        self._store, self._options, self._dictionaries = store, options, dictionaries
        self._stop, self._on_progress, self._clocks = stop, on_progress, clocks
        self._totals = store.totals
        self._needed_us = store.cursor_us if store.cursor_us is not None else options.start_us
        # Replays keep what lies in their range. Otherwise what lies before the beginning is not recorded.
        is_continued = store.cursor_us is not None
        self._floor_us = (self._needed_us or 0) - (REWIND_US if is_continued else 0)
        self._attempts = AttemptPlanner(addresses)
        self._continuity = GapDetector(self._needed_us)
        self._recent = RecentFrames()
        self._retries = ConnectionRetries(
            self._attempts, dictionaries, store.totals.dropped, gives_up=options.end_us is not None
        )
        self._is_resumed = False  # whether events before the position were received in this process
        self._silent_ends = 0
        self._connections = 0
        self._last_event = self._next_report = clocks.monotonic()
        self._cutover_at: float | None = None

    def run(self) -> None:
        """Record until the end of the range or until `stop` is set; all received events are then on disk."""
        try:
            while not (self._stop.is_set() or self._is_done()):
                self._connect()
        finally:
            self._store.flush(self._continuity.frontier_us)
        self._totals.is_complete = self._is_done()
        self._report(None)

    def _is_done(self) -> bool:
        end, frontier = self._options.end_us, self._continuity.frontier_us
        if end is None or frontier is None:
            return False
        return frontier >= end + BEYOND_END_US or self._silent_ends > 1

    def _connect(self) -> None:
        attempt = self._attempts.next_attempt(self._continuity.frontier_us, is_resumed=self._is_resumed)
        address = self._attempts.addresses[attempt.server]
        dictionary = self._dictionaries.choose_for_server(address)
        frontier = self._continuity.frontier_us
        self._totals.reconnects += self._connections > 0
        self._connections += 1
        try:
            with open_connection(
                address,
                self._options.filters,
                cursor=attempt.cursor,
                dictionary=dictionary,
                max_message_bytes=self._retries.max_message_bytes,
            ) as connection:
                self._retries.reset_after_connection()
                self._read(connection, address, attempt)
        except _ReadAgainError as error:
            self._report(str(error))
        except SubscriptionError as error:
            self._report(f"{address.host}: {error}")
            if not self._retries.adapt_request_or_switch_server(error, address, dictionary):
                self._wait(has_progress=False)
        except ConnectionLostError as error:
            self._report(f"{address.host}: connection lost, {error}")
            has_progress = self._continuity.frontier_us != frontier
            self._retries.plan_after_loss(error, has_progress=has_progress)
            self._wait(has_progress=has_progress)

    def _wait(self, *, has_progress: bool) -> None:
        seconds = self._retries.next_wait_s(has_progress=has_progress)
        self._store.flush(self._continuity.frontier_us)
        self._stop.wait(seconds * self._clocks.scale)

    def _read(self, connection: Connection, address: StreamAddress, attempt: Attempt) -> None:
        """Record what a connection delivers until it is lost, given up, or everything is recorded."""
        scanner = FrameScanner(address.protocol)
        self._continuity.expect_new_connection()
        self._store.set_server(address.url)
        self._plan_cutover(address, attempt)
        self._last_event = self._clocks.monotonic()
        scan, receive, dropped = scanner.scan, connection.receive, self._totals.dropped
        floor = self._floor_us if attempt.asked_us is None else attempt.asked_us - _MAX_DISORDER_US
        while not self._stop.is_set():
            try:
                event = scan(receive(_POLL_SECONDS))
            except TimeoutError:
                self._check_silence()
                continue
            except (MalformedFrameError, FrameDecompressionError) as error:
                dropped[str(error)] += 1
                self._check_silence()
                continue
            except ServerMessageError as message:
                self._take_message(message, address)
                continue
            time_us, seq, line, identity = event
            if time_us < floor:
                dropped["before the cursor"] += 1
            elif not self._recent.add_if_new(identity, time_us):
                dropped["delivered again"] += 1
            else:
                self._keep(time_us, line)
            if seq is not None:
                self._attempts.remember_sequence(time_us, seq)
            if self._advance(time_us):
                return

    def _keep(self, time_us: int, line: bytes) -> None:
        options = self._options
        if options.end_us is not None:
            if not (options.start_us or 0) <= time_us < options.end_us:
                self._totals.dropped["outside the range"] += 1
                return
        elif time_us < self._floor_us:
            self._totals.dropped["before the cursor"] += 1
            return
        self._store.add_event(time_us, line)

    def _advance(self, time_us: int) -> bool:
        """Move the position behind an event; return whether everything is recorded."""
        before = self._continuity.frontier_us
        gap = self._continuity.add_event_time(time_us)
        if gap is not None:
            self._judge(gap)
        elif before is None:
            self._note_beginning(time_us)
        frontier = self._continuity.frontier_us
        if frontier != before:
            self._is_resumed = True
            self._attempts.reset_after_progress()
        now = self._last_event = self._clocks.monotonic()
        if now >= self._next_report or self._store.is_full:
            self._store.flush_if_due(frontier, now)
            if now >= self._next_report:
                self._report(None)
        self._check_cutover(now, time_us)
        end = self._options.end_us
        return end is not None and frontier is not None and frontier >= end + BEYOND_END_US

    def _judge(self, gap: Gap) -> None:
        """Read again, or ask another server, while that may fill a gap; then note it.

        Raises:
            MissingEventsError: A range is recorded, and its beginning is missing or the stream cannot be continued.
        """
        if not self._attempts.must_accept_gap(gap, is_resumed=self._is_resumed):
            raise _ReadAgainError(f"events are missing from {format_time(gap.from_us)} on: reading again")
        options = self._options
        if options.end_us is not None:
            start = options.start_us or 0
            if gap.to_us > start and gap.from_us < options.end_us and gap.why == "the stream began later than asked":
                begin, end = max(gap.from_us, start), min(gap.to_us, options.end_us)
                raise MissingEventsError(
                    f"no server has the events from {format_time(begin)} to {format_time(end)} "
                    f"({(end - begin) / MICROSECONDS:,.0f} s): the stream begins later than asked. Nothing of the "
                    "range was put in place. Use the archive for it, or a server of PERSONA_JETSTREAM_URLS with a "
                    "longer history"
                )
            self._store.write_gap(gap._replace(from_us=max(gap.from_us, start), to_us=min(gap.to_us, options.end_us)))
        else:
            self._store.write_gap(gap)
        self._continuity.continue_after(gap)
        self._report(f"a gap of {(gap.to_us - gap.from_us) / MICROSECONDS:,.1f} s from {format_time(gap.from_us)} on")

    def _note_beginning(self, time_us: int) -> None:
        """Note that the day of the first event has nothing before it."""
        midnight = time_us // DAY_US * DAY_US
        if time_us - midnight >= MIN_GAP_US:
            self._store.write_gap(Gap(midnight, time_us, "recording began then"))

    def _check_silence(self) -> None:
        """Give up a connection without events.

        Raises:
            ConnectionLostError: There was none for `stream_timeout` seconds.
        """
        now, frontier = self._clocks.monotonic(), self._continuity.frontier_us
        self._store.flush_if_due(frontier, now)
        if now >= self._next_report:
            self._report(None)
        if frontier is not None:
            self._check_cutover(now, frontier)
        if now - self._last_event < self._options.stream_timeout:
            return
        if (gap := self._continuity.find_pending_gap()) is not None:
            self._judge(gap)
        end, seconds = self._options.end_us, self._options.stream_timeout
        if self._options.filters.dids and end is not None:
            # Few accounts may be silent from here on. Two servers, or one twice, that have nothing more, settle it.
            is_over = self._clocks.now() * MICROSECONDS > end + BEYOND_END_US + seconds * MICROSECONDS
            self._silent_ends += is_over and self._is_resumed
        raise ConnectionLostError(f"no event for {seconds:g} s")

    def _take_message(self, message: ServerMessageError, address: StreamAddress) -> None:
        if message.is_error:
            raise ConnectionLostError(f"error {message.name}")
        self._report(f"{address.host}: {message.name}")

    def _plan_cutover(self, address: StreamAddress, attempt: Attempt) -> None:
        """Plan to read the end of a replay again, on v1, whose servers may lose events when they turn to live ones."""
        self._cutover_at = None
        lag_us = self._clocks.now() * MICROSECONDS - (attempt.asked_us or 0)
        if address.protocol == "v1" and attempt.asked_us is not None and lag_us > _CATCH_UP_US:
            self._cutover_at = float("inf")

    def _check_cutover(self, now: float, time_us: int) -> None:
        if self._cutover_at is None:
            return
        if self._cutover_at == float("inf"):
            if self._clocks.now() * MICROSECONDS - time_us < _LIVE_LAG_US:
                self._cutover_at = now + _CUTOVER_SECONDS * self._clocks.scale
        elif now >= self._cutover_at:
            self._attempts.rewind_further()
            raise _ReadAgainError("caught up: reading the last 30 s again")

    def _report(self, message: str | None) -> None:
        self._next_report = self._clocks.monotonic() + 1.0
        totals = self._totals
        self._on_progress(
            Progress(
                totals.events,
                totals.raw_bytes,
                self._continuity.frontier_us,
                totals.reconnects,
                len(totals.gaps),
                message,
            )
        )
