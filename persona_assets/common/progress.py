"""Progress of long work as log lines, a few a minute: done/total, rate and what is left."""

import time
from collections.abc import Callable

EVERY_SECONDS = 5.0


class Progress:
    """Count work done and say so every few seconds; work that is over before that says nothing."""

    def __init__(
        self,
        log: Callable[[str], None],
        *,
        what: str,
        total: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start counting now.

        Args:
            log: Takes one line, such as `context.log.info`.
            what: The unit, plural: "texts", "lines".
            total: How many there are, when that is known.
            clock: Seconds; a parameter so that tests need not wait.
        """
        self._log, self._what, self._total, self._clock = log, what, total, clock
        self._start = self._said = clock()
        self.done = 0

    def add(self, count: int) -> None:
        """Note that `count` more are done, and log a line when it is time to."""
        self.done += count
        now = self._clock()
        if now - self._said >= EVERY_SECONDS:
            self._said = now
            self._log(self._line(now - self._start))

    def _line(self, seconds: float) -> str:
        rate = self.done / seconds
        if self._total is None:
            return f"{self.done:,} {self._what}, {rate:,.0f}/s"
        left = (self._total - self.done) / rate if rate else float("inf")
        return f"{self.done:,}/{self._total:,} {self._what}, {rate:,.0f}/s, {left:,.0f} s left"
