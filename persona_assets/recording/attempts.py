"""Decide which server is asked next, and from where."""

from collections import deque
from typing import NamedTuple

from persona_assets.recording.addresses import MICROSECONDS, StreamAddress
from persona_assets.recording.results import Gap

# Before the position that is needed. A few seconds are what clients of Jetstream usually go back; the first time more,
# so that an event before the position proves that nothing is missing; the long one tells silence from a gap.
REWIND_US, LEAD_US, LONG_LEAD_US = 5 * MICROSECONDS, 10 * MICROSECONDS, 3600 * MICROSECONDS
# After catching up on v1, whose servers were seen to lose events where the stored stream meets the live one.
CUTOVER_REWIND_US = 30 * MICROSECONDS


class Attempt(NamedTuple):
    """The next subscription request: the server's index, the cursor, and the time that the cursor stands for."""

    server: int  # its index in the order of preference
    cursor: int | None  # UTC microseconds, or a sequence number; None for the live stream
    asked_us: int | None  # the time that the cursor stands for


class AttemptPlanner:
    """Plans each subscription request, its server and cursor, from what earlier requests brought."""

    def __init__(self, addresses: list[StreamAddress]) -> None:
        """Start with the first of `addresses`, which are in order of preference."""
        self.addresses = addresses
        self.index = 0
        self._first_seen: dict[int, int | None] = {}  # by server: where its stream went on behind the needed position
        self._has_looked_back = False
        self._extra_us = 0
        self._sequence: deque[tuple[int, int]] = deque()  # time and sequence number, one a second
        self._sequence_index = -1
        self._skipped_us = 0

    def next_attempt(self, needed_us: int | None, *, is_resumed: bool) -> Attempt:
        """Return the server and the cursor to subscribe with next.

        Args:
            needed_us: Position from which events are needed; None for the live stream.
            is_resumed: Whether events before that position were received in this recording.
        """
        if needed_us is None:
            return Attempt(self.index, None, None)
        if self._skipped_us:
            asked = needed_us + self._skipped_us
            return Attempt(self.index, asked, asked)
        back = REWIND_US if is_resumed else LEAD_US
        if not is_resumed and self._has_looked_back:
            back = LONG_LEAD_US
        asked = needed_us - max(back, self._extra_us)
        if is_resumed and self._sequence_index == self.index and not self._extra_us:
            for time_us, seq in reversed(self._sequence):
                if time_us <= asked:
                    return Attempt(self.index, seq, time_us)
        return Attempt(self.index, asked, asked)

    def remember_sequence(self, time_us: int, seq: int) -> None:
        """Remember an event's sequence number, a more exact cursor than a time for the same server."""
        kept = self._sequence
        if self._sequence_index != self.index:
            kept.clear()
            self._sequence_index = self.index
        if not kept or time_us - kept[-1][0] >= MICROSECONDS:
            kept.append((time_us, seq))
            while len(kept) > 1 and kept[1][0] < time_us - 2 * REWIND_US:
                kept.popleft()

    @property
    def has_sequence(self) -> bool:
        """Whether a sequence number of the current server is known, to be used as cursor."""
        return self._sequence_index == self.index

    def forget_sequence(self) -> None:
        """Use a time as cursor of the next request, not a sequence number."""
        self._sequence_index = -1

    def rewind_further(self) -> None:
        """Let the next request start `CUTOVER_REWIND_US` before the time from which events are needed."""
        self._extra_us = CUTOVER_REWIND_US

    def skip_ahead(self) -> None:
        """Let the next request start one second later, as the server cannot deliver what is there."""
        self._skipped_us += MICROSECONDS

    def reset_after_progress(self) -> None:
        """Forget failures, rewinds and skips of earlier requests, because new events arrived."""
        if self._first_seen or self._has_looked_back or self._extra_us or self._skipped_us:
            self._first_seen.clear()
            self._has_looked_back = False
            self._extra_us = self._skipped_us = 0

    def use_next_server(self) -> None:
        """Make the next server in the list the current one; the first follows the last."""
        self.index = (self.index + 1) % len(self.addresses)

    def switch_after_failure(self) -> None:
        """Count a failure of the current server, and switch to the next server in the list."""
        self._first_seen.setdefault(self.index, None)
        self.use_next_server()

    def must_accept_gap(self, gap: Gap, *, is_resumed: bool) -> bool:
        """Return whether all servers lack the events of a gap; if not, set up the request that may deliver them.

        A gap at the very beginning is looked at again from an hour before; one within the stream is read again from the
        same server by time; then the other servers are asked. The one whose stream goes on earliest is taken.
        """
        seen = self._first_seen
        if not is_resumed and not self._has_looked_back:
            self._has_looked_back = True
            return False
        if is_resumed and self.index not in seen:
            seen[self.index] = gap.to_us
            self._sequence_index = -1
            return False  # the same server once more
        before = seen.get(self.index)
        seen[self.index] = gap.to_us if before is None else min(before, gap.to_us)
        for index in range(len(self.addresses)):
            if index not in seen:
                self.index, self._has_looked_back = index, is_resumed
                return False
        best_us, best = min((time_us, index) for index, time_us in seen.items() if time_us is not None)
        if gap.to_us - best_us < MICROSECONDS:
            return True
        self.index = best
        return False
