"""End work in foreign code when a signal ends the process: Python itself waits until that code returns."""

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

_ENDING = {signal.SIGTERM, signal.SIGINT}
# How long after a signal the work is interrupted again, which may have begun just after the first time.
_AGAIN_SECONDS = 0.1


class _Block:
    """Work that can be ended, and the pipe that signals are written to while it is the latest."""

    def __init__(self, end: Callable[[], None]) -> None:
        self.end = end
        self.received: list[int] = []
        self.left = threading.Event()
        self.reading_end, self.writing_end = os.pipe()
        os.set_blocking(self.writing_end, False)
        self.watcher = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while number := os.read(self.reading_end, 1):
            if number[0] in _ENDING:
                _end_all(number[0])
                while not self.left.wait(_AGAIN_SECONDS):
                    _end_all(number[0])
                return


# Blocks that have been entered and not left, the latest last. They need not be left in the reverse order: the
# connection of a generator is closed when that is.
_active: list[_Block] = []
_changing = threading.Lock()
_before = [-1]  # the wakeup descriptor that was set before the first block


def _end_all(number: int) -> None:
    with _changing:
        for block in _active:
            block.received.append(number)
            block.end()


def _enter(block: _Block) -> None:
    with _changing:
        _active.append(block)
        before = signal.set_wakeup_fd(block.writing_end, warn_on_full_buffer=False)
        if len(_active) == 1:
            _before[0] = before
    block.watcher.start()


def _leave(block: _Block) -> None:
    """Stop watching; what the pipe holds is read before, so that it is known whether a signal came."""
    block.left.set()
    latest = _active[-1] is block
    if latest:
        signal.set_wakeup_fd(_active[-2].writing_end if len(_active) > 1 else _before[0])
    os.close(block.writing_end)
    block.watcher.join()
    os.close(block.reading_end)
    with _changing:
        _active.remove(block)


@contextmanager
def ending_on_signal(end: Callable[[], None], *, fails_with: tuple[type[Exception], ...]) -> Generator[None]:
    """Call `end` as soon as SIGTERM or SIGINT arrives, from another thread, until the block is left.

    A signal's handler runs in the main thread, between two steps of Python: a sort of DuckDB was seen to keep it
    waiting for a minute. The system tells of the signal at once through a pipe. When the block fails for it, the
    handler raises what it would have raised. In another thread nothing is watched: handlers do not run there.

    Args:
        end: Makes the work in the block fail; may be called several times, and at once when it has nothing to end.
        fails_with: What the work then raises.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    block = _Block(end)
    _enter(block)
    failed: Exception | None = None
    try:
        yield
    except fails_with as error:
        failed = error
    finally:
        _leave(block)
    if failed is not None:
        if block.received:
            signal.raise_signal(block.received[0])  # the handler raises, unless it is one that only notes the signal
        raise failed


@contextmanager
def holding_signals() -> Generator[None]:
    """Let neither SIGTERM nor SIGINT end the block; the handler of one that came is run after it.

    A run may be told to end twice, by a terminal and by its parent: the second must not end the clearing up after the
    first.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = {number: signal.signal(number, lambda number, _: received.append(number)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
    if received:
        signal.raise_signal(received[0])
