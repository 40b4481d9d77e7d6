"""React to SIGTERM and SIGINT during long calls into C code, or defer them during cleanup.

Python runs a signal handler only after such a call has returned.
"""

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

_SIGNALS = {signal.SIGTERM, signal.SIGINT}
# Time between repeated interrupts. The first one is lost if the work started just after it.
_REPEAT_SECONDS = 0.1


class _Block:
    """A block of work that can be interrupted.

    Python writes the numbers of signals into the pipe of the block that was entered last. A thread reads them.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self.end = end
        self.received: list[int] = []
        self.left = threading.Event()
        self.reading_end, self.writing_end = os.pipe()
        os.set_blocking(self.writing_end, False)
        self.watcher = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while number := os.read(self.reading_end, 1):
            if number[0] in _SIGNALS:
                _interrupt_all(number[0])
                while not self.left.wait(_REPEAT_SECONDS):
                    _interrupt_all(number[0])
                return


# Blocks that have been entered and not left, the latest last. They may be left in any order: a block in a generator is
# left when the generator is closed.
_active: list[_Block] = []
_lock = threading.Lock()
_previous_wakeup_fd = [-1]  # the one that was set before the first block


def _interrupt_all(number: int) -> None:
    with _lock:
        for block in _active:
            block.received.append(number)
            block.end()


def _enter(block: _Block) -> None:
    with _lock:
        _active.append(block)
        previous = signal.set_wakeup_fd(block.writing_end, warn_on_full_buffer=False)
        if len(_active) == 1:
            _previous_wakeup_fd[0] = previous
    block.watcher.start()


def _leave(block: _Block) -> None:
    """Stop the watching thread, after it has read all signals that are in the pipe."""
    block.left.set()
    if _active[-1] is block:
        signal.set_wakeup_fd(_active[-2].writing_end if len(_active) > 1 else _previous_wakeup_fd[0])
    os.close(block.writing_end)
    block.watcher.join()
    os.close(block.reading_end)
    with _lock:
        _active.remove(block)


@contextmanager
def interrupting_on_signal(
    interrupt: Callable[[], None], *, interrupt_errors: tuple[type[Exception], ...]
) -> Generator[None]:
    """Call `interrupt` from another thread on SIGTERM or SIGINT, which ends a long C call in the block.

    Python runs a signal handler in the main thread, between two bytecode instructions: a sort in DuckDB was seen to
    delay it by a minute. `signal.set_wakeup_fd` reports the signal at once through a pipe. When the interrupted block
    fails, the signal is raised again, so that the usual handler decides what happens. Outside the main thread this does
    nothing, as no handlers run there.

    Args:
        interrupt: Interrupts the work in the block. It is called every 0.1 s until the block is left, also when there
            is nothing to interrupt.
        interrupt_errors: Exceptions that the interrupted work raises.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    block = _Block(interrupt)
    _enter(block)
    failed: Exception | None = None
    try:
        yield
    except interrupt_errors as error:
        failed = error
    finally:
        _leave(block)
    if failed is not None:
        if block.received:
            signal.raise_signal(block.received[0])  # the handler raises, unless it only records the signal
        raise failed


@contextmanager
def deferring_signals() -> Generator[None]:
    """Hold back SIGTERM and SIGINT while the block runs; call their usual handler after it.

    A run may get two signals, one from the terminal and one from its parent process. The second must not interrupt the
    cleanup after the first.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: received.append(number)) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
    if received:
        signal.raise_signal(received[0])
