"""End work in foreign code when the process is told to end: Python itself waits until that code returns."""

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

_ENDING = {signal.SIGTERM, signal.SIGINT}
# How long after a signal the work is told again, which may have begun just after it was told.
_AGAIN_SECONDS = 0.1


@contextmanager
def ending_on_signal(end: Callable[[], None], *, fails_with: tuple[type[Exception], ...]) -> Generator[None]:
    """Call `end` as soon as SIGTERM or SIGINT arrives, from another thread, until the block is left.

    A signal's handler runs in the main thread, between two steps of Python: a sort of DuckDB was seen to keep it
    waiting for a minute. The system tells of the signal at once through a pipe. When the block fails for it, the
    handler raises what it would have raised. In another thread nothing is watched: handlers do not run there.

    Args:
        end: Makes the work in the block fail; may be called several times.
        fails_with: What the work then raises.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    received: list[int] = []
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(told, end, received, done), daemon=True)
    before = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    watcher.start()
    failed: Exception | None = None
    try:
        yield
    except fails_with as error:
        failed = error
    finally:
        done.set()
        signal.set_wakeup_fd(before)
        os.close(tell)
        watcher.join()  # what the pipe holds has been read by then: whether a signal came is known
        os.close(told)
    if failed is not None:
        if received:
            signal.raise_signal(received[0])  # the handler raises, unless it is one that only notes the signal
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


def _watch(told: int, end: Callable[[], None], received: list[int], done: threading.Event) -> None:
    while number := os.read(told, 1):
        if number[0] in _ENDING:
            received.append(number[0])
            end()
            while not done.wait(_AGAIN_SECONDS):
                end()
            return
