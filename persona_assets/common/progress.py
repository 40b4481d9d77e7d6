"""Log the progress of long work every five seconds: number done, rate and time left."""

import time
from collections.abc import Callable

LOG_INTERVAL_SECONDS = 5.0


class Progress:
    """Counts finished items and logs number, rate and time left, at most every `LOG_INTERVAL_SECONDS`."""

    def __init__(
        self,
        log: Callable[[str], None],
        *,
        what: str,
        total: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start at 0 items; `log` is called with each line, `what` names the items, `total` is their number if known.

        Args:
            log: Writes one line, such as `context.log.info`.
            what: What is counted, as a plural: "texts", "lines".
            total: Number of items, if it is known.
            clock: Returns seconds. Tests pass their own, so that they need not wait.
        """
        self._log, self._what, self._total, self._clock = log, what, total, clock
        self._start = self._last_logged = clock()
        self.done = 0

    def add(self, count: int) -> None:
        """Add `count` finished items, and log a line if none was logged within `LOG_INTERVAL_SECONDS`."""
        self.done += count
        now = self._clock()
        if now - self._last_logged >= LOG_INTERVAL_SECONDS:
            self._last_logged = now
            self._log(self._line(now - self._start))

    def _line(self, seconds: float) -> str:
        rate = self.done / seconds
        if self._total is None:
            return f"{self.done:,} {self._what}, {rate:,.0f}/s"
        left = (self._total - self.done) / rate if rate else float("inf")
        return f"{self.done:,}/{self._total:,} {self._what}, {rate:,.0f}/s, {left:,.0f} s left"
