"""Waits between attempts to connect: exponential, with jitter."""

import random

_MAX_SECONDS = 64.0
# After a connection that brought something: long enough that clients of a restarted server do not all return at once.
_FIRST_SECONDS = 1.0


class Backoff:
    """The wait before the next attempt to connect."""

    def __init__(self, generator: random.Random) -> None:
        """Take the source of jitter."""
        self._generator, self._failures = generator, 0

    @property
    def failures(self) -> int:
        """The number of attempts that brought nothing, since one did."""
        return self._failures

    def note_success(self) -> None:
        """Note that a connection brought events."""
        self._failures = 0

    def note_failure(self) -> None:
        """Note that an attempt brought nothing."""
        self._failures += 1

    def next_wait_s(self) -> float:
        """Return seconds: half to all of the exponential step, which ends at 64 s."""
        step = min(_FIRST_SECONDS * 2.0 ** min(self._failures, 10), _MAX_SECONDS)
        return step * self._generator.uniform(0.5, 1.0)
