"""Follow the times of a stream, and notice where events are missing."""

from persona_assets.recording.results import Gap

MIN_GAP_US = 1_000_000
# A jump within a connection is suspicious only if it is many times the usual distance of events: streams of few
# accounts are silent for seconds. Below this number of events the usual distance is not known.
_USUAL_DISTANCES, _MIN_EVENTS = 20, 64
# A longer jump always is, as the clock of a server may be wrong for a moment.
_MAX_SILENCE_US = 3600 * MIN_GAP_US
# So many events in a row must lie beyond a jump: one alone may be of a broken clock, or out of order.
_CONFIRMATIONS = 3
_SMOOTHING = 1024


class GapDetector:
    """Follows the event times of a stream, and detects ranges of time without events.

    `frontier_us` is the time up to which events were received without a gap of `MIN_GAP_US`, in UTC microseconds; None
    before the first event.
    """

    def __init__(self, frontier_us: int | None) -> None:
        """Start at `frontier_us`, up to which all events are recorded; None accepts any first event."""
        self.frontier_us = frontier_us
        self._is_beginning = False
        self._beyond: list[int] = []
        self._events, self._distance_us = 0, 0.0

    def expect_new_connection(self) -> None:
        """Expect the first event of a new connection: if it is much later than the last one, that is a gap."""
        self._is_beginning = True
        self._beyond.clear()

    def add_event_time(self, time_us: int) -> Gap | None:
        """Add the time of the next event (microseconds); return the gap before it as soon as that is certain.

        The frontier stays before the gap until `continue_after` is called.
        """
        frontier = self.frontier_us
        if frontier is None:
            self.frontier_us, self._is_beginning = time_us, False
            return None
        distance = time_us - frontier
        if distance < MIN_GAP_US or (not self._is_beginning and not self._is_jump(distance)):
            if self._beyond:
                self._beyond.clear()
            self._is_beginning = False
            if distance > 0:
                self._events += 1
                self._distance_us += (distance - self._distance_us) / min(self._events, _SMOOTHING)
                self.frontier_us = time_us
            return None
        self._beyond.append(time_us)
        return self.find_pending_gap() if len(self._beyond) >= _CONFIRMATIONS else None

    def find_pending_gap(self) -> Gap | None:
        """Return the gap that the latest events suggest but do not confirm yet; None if there is none."""
        if not self._beyond or self.frontier_us is None:
            return None
        why = "the stream began later than asked" if self._is_beginning else "the stream has no events there"
        return Gap(self.frontier_us, min(self._beyond), why)

    def continue_after(self, gap: Gap) -> None:
        """Accept a gap: from now on, expect events from its end on."""
        self.frontier_us = gap.to_us
        self._is_beginning = False
        self._beyond.clear()

    def _is_jump(self, distance: int) -> bool:
        if distance > _MAX_SILENCE_US:
            return True
        return self._events >= _MIN_EVENTS and distance > _USUAL_DISTANCES * self._distance_us
