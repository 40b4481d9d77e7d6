"""Waits between attempts to connect: exponential, with jitter."""

import random

_MAX_SECONDS = 64.0
# After a connection that brought something: long enough that clients of a restarted server do not all return at once.
_FIRST_SECONDS = 1.0


class Backoff:
    """Exponential backoff with jitter between attempts to connect."""

    def __init__(self, generator: random.Random) -> None:
        """Start with no failures; `generator` draws the jitter."""
        self._generator, self._failures = generator, 0

    @property
    def failures(self) -> int:
        """Number of consecutive attempts without new events."""
        return self._failures

    def reset(self) -> None:
        """Set the number of failures to 0, because a connection delivered events."""
        self._failures = 0

    def count_failure(self) -> None:
        """Count an attempt that delivered no events."""
        self._failures += 1

    def next_wait_s(self) -> float:
        """Return the seconds to wait: 50 to 100 % (random) of a step that doubles with each failure, at most 64 s."""
        step = min(_FIRST_SECONDS * 2.0 ** min(self._failures, 10), _MAX_SECONDS)
        return step * self._generator.uniform(0.5, 1.0)
