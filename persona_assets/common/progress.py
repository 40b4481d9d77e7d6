"""Log the progress of long work every ten seconds, and list its phases at the end.

Functions name their long phases by `phase`. A thread logs a line about the running phase: number done, time, rate and
time left. DuckDB's queries are watched by `common.database`. Without `reporting_progress`, phases are not logged.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import NamedTuple, Protocol, TypeVar

# Time between two lines, and from the start to the first one.
LOG_INTERVAL_SECONDS = 10.0
# Time between two looks at the progress of queries, which tell when the next query of a phase has begun.
_WATCH_SECONDS = 1.0
# Durations are shown in the largest unit in which they are at least 2.
_UNITS = (("h", 3600.0), ("min", 60.0))
_MIN_OF_UNIT = 2
_MIN_WHOLE_RATE = 10  # per second; lower rates have a decimal place
_NO_PHASE = "other work"


class _HasRows(Protocol):
    """A table or batch of pyarrow."""

    @property
    def num_rows(self) -> int:
        """Return the number of rows."""
        ...


Batch = TypeVar("Batch", bound=_HasRows)


class Phase:
    """A part of a step that may take long, and the number of items that it has finished."""

    def __init__(self, name: str, *, what: str = "", total: int | None = None, start: float = 0.0) -> None:
        """Start with 0 items.

        Args:
            name: What is done, such as "sorting".
            what: What is counted, as a plural: "texts", "lines". Empty if nothing is.
            total: Number of items, if it is known.
            start: Time of the start, in seconds of the clock of its step.
        """
        self.name, self.what, self.total, self.start = name, what, total, start
        self._added = 0
        self._count: Callable[[], int] = lambda: 0

    @property
    def done(self) -> int:
        """The number of finished items."""
        return self._added + self._count()

    def add(self, count: int) -> None:
        """Add `count` finished items."""
        self._added += count

    def advance_to(self, done: int) -> None:
        """Let `done` items be finished, however many were before."""
        self.add(done - self.done)

    def count_by(self, count: Callable[[], int]) -> None:
        """Let `count` say how many items are finished beside those added. It is called from another thread."""
        self._count = count

    def describe(self, seconds: float) -> str:
        """Return the line about the phase after it has run for `seconds` seconds."""
        if not self.what:
            return f"{self.name}: {format_duration(seconds)}"
        count = f"{self.done:,}" if self.total is None else f"{self.done:,}/{self.total:,}"
        line = f"{self.name}: {count} {self.what} in {format_duration(seconds)}"
        if not self.done:
            return line
        line += f", {format_rate(self.done, seconds)}"
        if self.total is None or self.total < self.done:
            return line
        return f"{line}, {format_duration((self.total - self.done) * seconds / self.done)} left"


class PhaseTotals(NamedTuple):
    """What the phases of one name took together."""

    name: str
    what: str  # what is counted; empty if nothing is
    done: int
    seconds: float

    def rate(self) -> str:
        """Return the rate as text; empty if nothing is counted."""
        return format_rate(self.done, self.seconds) if self.done else ""


class _WatchedQueries:
    """The queries of one DuckDB connection: how much of the running one is done, and since when it runs."""

    def __init__(self, read_percent: Callable[[], float]) -> None:
        self._read_percent = read_percent
        self._percent, self._start = -1.0, 0.0

    def look(self, now: float) -> None:
        """Read the percentage; if it has fallen, another query has begun."""
        percent = self._read_percent()
        if percent < self._percent or self._percent <= 0:
            self._start = now
        self._percent = percent

    def describe(self, now: float) -> str:
        """Return the end of a line: percentage and time left; empty if no query runs."""
        if not 0 < self._percent <= 100:  # noqa: PLR2004 - percent
            return ""
        left = (now - self._start) * (100 - self._percent) / self._percent
        return f", query {self._percent:.0f} %" + (f", {format_duration(left)} left" if now > self._start else "")


class StepProgress:
    """The phases of a step: which ones run, and what the finished ones took. Logs a line when `tick` finds it due."""

    def __init__(self, log: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a phase.

        Args:
            log: Writes one line, such as `context.log.info`. It may be called from another thread.
            clock: Returns seconds. Tests pass their own, so that they need not wait.
        """
        self._log, self._clock = log, clock
        self._start = self._last_logged = self._without_phase_since = clock()
        self._without_phase = 0.0
        # Phases that have begun and not ended, the latest last. They may end in any order: a phase in a generator ends
        # when the generator is closed.
        self._running: list[Phase] = []
        self._totals: dict[tuple[str, str], PhaseTotals] = {}
        self._queries: list[_WatchedQueries] = []
        self._lock = threading.Lock()

    @contextmanager
    def phase(self, name: str, *, what: str = "", total: int | None = None) -> Generator[Phase]:
        """Run the block as a phase; see `Phase`."""
        begun = Phase(name, what=what, total=total, start=self._clock())
        with self._lock:
            if not self._running:
                self._without_phase += begun.start - self._without_phase_since
            self._running.append(begun)
            self._totals.setdefault((name, what), PhaseTotals(name, what, 0, 0.0))
        try:
            yield begun
        finally:
            now = self._clock()
            with self._lock:
                self._running.remove(begun)
                before = self._totals[name, what]
                self._totals[name, what] = before._replace(
                    done=before.done + begun.done, seconds=before.seconds + now - begun.start
                )
                if not self._running:
                    self._without_phase_since = now

    @contextmanager
    def watching_queries(self, read_percent: Callable[[], float]) -> Generator[None]:
        """Show in the block how much of a query is done; `read_percent` is not called after the block."""
        watched = _WatchedQueries(read_percent)
        with self._lock:
            self._queries.append(watched)
        try:
            yield
        finally:
            with self._lock:
                self._queries.remove(watched)

    def tick(self) -> None:
        """Log a line if `LOG_INTERVAL_SECONDS` have passed since the last one or the start."""
        now = self._clock()
        with self._lock:
            for queries in self._queries:
                queries.look(now)
            if now - self._last_logged < LOG_INTERVAL_SECONDS:
                return
            self._last_logged = now
            line = self._describe(now)
        self._log(line)

    def _describe(self, now: float) -> str:
        running = self._running or [Phase(_NO_PHASE, start=self._without_phase_since)]
        # Of the outer phases, only those that count say more than the innermost one.
        shown = [one for one in running[:-1] if one.what] + running[-1:]
        queries = next((text for query in reversed(self._queries) if (text := query.describe(now))), "")
        return "; ".join(one.describe(now - one.start) for one in shown) + queries

    def seconds_to_next_line(self) -> float:
        """Return how long it is until `tick` logs the next line; 0 if it is due."""
        return max(0.0, self._last_logged + LOG_INTERVAL_SECONDS - self._clock())

    def list_totals(self) -> list[PhaseTotals]:
        """Return the totals of the ended phases by their first start; the last row is the time outside of phases."""
        with self._lock:
            rest = self._without_phase + (0 if self._running else self._clock() - self._without_phase_since)
            return [*self._totals.values(), PhaseTotals(_NO_PHASE, "", 0, rest)]


_CURRENT: ContextVar[StepProgress | None] = ContextVar("current_progress", default=None)


@contextmanager
def reporting_progress(
    log: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
) -> Generator[StepProgress]:
    """Log a line about the running phase every `LOG_INTERVAL_SECONDS` of the block, from another thread.

    The thread ends with the block, also when the block fails. In a block within such a block, the outer one goes on.
    """
    current = _CURRENT.get()
    if current is not None:
        yield current
        return
    progress, ended = StepProgress(log, clock=clock), threading.Event()
    thread = threading.Thread(target=_tick_until, args=(progress, ended), name="progress", daemon=True)
    token = _CURRENT.set(progress)
    thread.start()
    try:
        yield progress
    finally:
        _CURRENT.reset(token)
        ended.set()
        thread.join()


def phase(name: str, *, what: str = "", total: int | None = None) -> AbstractContextManager[Phase]:
    """Return a context manager whose block is a phase of the step that runs, if any.

    Phases in threads that the step starts are not shown.

    Args:
        name: What is done, such as "sorting".
        what: What is counted, as a plural: "texts", "lines". Empty if nothing is.
        total: Number of items, if it is known.
    """
    current = _CURRENT.get()
    if current is None:
        return nullcontext(Phase(name, what=what, total=total))
    return current.phase(name, what=what, total=total)


def count_rows_read(batches: Iterable[Batch], counted: Phase) -> Iterator[Batch]:
    """Yield the batches or tables, and add the rows of each to `counted` when the next one is asked for."""
    for batch in batches:
        yield batch
        counted.add(batch.num_rows)


def watching_queries(read_percent: Callable[[], float]) -> AbstractContextManager[None]:
    """Return a context manager in whose block lines show how much of a DuckDB query is done.

    Args:
        read_percent: Returns the percentage, or a negative number if no query runs. Called from another thread, and not
            after the block.
    """
    current = _CURRENT.get()
    return nullcontext() if current is None else current.watching_queries(read_percent)


def format_rate(done: int, seconds: float) -> str:
    """Return a rate as "12,000/s" or "2.5/s"; below one a second as the time of one item, "2.5 s each"."""
    if done < seconds:
        return f"{seconds / done:,.1f} s each"
    rate = done / max(seconds, 1e-3)
    return f"{rate:,.0f}/s" if rate >= _MIN_WHOLE_RATE else f"{rate:.1f}/s"


def format_duration(seconds: float) -> str:
    """Return a duration as "37 s", "12 min" or "3.4 h"."""
    for unit, length in _UNITS:
        if seconds >= _MIN_OF_UNIT * length:
            return f"{seconds / length:,.1f} {unit}" if unit == "h" else f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} s"


def _tick_until(progress: StepProgress, ended: threading.Event) -> None:
    while not ended.wait(min(_WATCH_SECONDS, progress.seconds_to_next_line())):
        progress.tick()
