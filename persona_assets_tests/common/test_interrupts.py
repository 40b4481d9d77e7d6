"""Signals interrupt calls into C code at once, and their usual handler decides what happens."""

import os
import signal
import threading
import time

import pyarrow as pa
import pytest

from persona_assets.common.database import open_duckdb
from persona_assets.common.interrupts import deferring_signals, interrupting_on_signal

# Takes minutes inside DuckDB, whose sorts do not check for signals.
SORT = "CREATE TABLE t AS SELECT md5(range::VARCHAR) AS h FROM range(200_000_000) ORDER BY h"


class ToldToEndError(BaseException):
    """Raised by the signal handler of these tests."""


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT])
def number(request):
    def handle(*_):
        raise ToldToEndError

    before = signal.signal(request.param, handle)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_interrupts_a_long_sort_and_leaves_no_files(number, tmp_path):
    sender = threading.Timer(1, os.kill, (os.getpid(), number))

    start = time.monotonic()
    with pytest.raises(ToldToEndError), open_duckdb(memory_limit="500MB", scratch=tmp_path) as connection:
        sender.start()
        connection.execute(SORT)

    assert time.monotonic() - start < 60  # without other load it is one second; the sort takes minutes
    assert list(tmp_path.iterdir()) == []
    sender.join()
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_interrupts_a_stream_that_a_query_reads(number, tmp_path):
    def rows():
        for _ in range(10_000):
            time.sleep(0.001)
            yield pa.record_batch({"n": [1]})

    stream = pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), rows())
    sender = threading.Timer(0.5, os.kill, (os.getpid(), number))

    with pytest.raises(ToldToEndError), open_duckdb(memory_limit="500MB", scratch=tmp_path) as connection:
        sender.start()
        connection.register("stream", stream)
        connection.execute("CREATE TABLE t AS SELECT * FROM stream")

    sender.join()


def test_an_interrupted_query_raises_the_error_of_the_handler(number, tmp_path):
    # Unlike sorts, these queries check for signals themselves, and drop the exception of the handler.
    for attempt in range(20):
        sender = threading.Timer(0.05 + 0.005 * attempt, os.kill, (os.getpid(), number))
        with pytest.raises(ToldToEndError), open_duckdb(memory_limit="500MB", scratch=tmp_path) as connection:
            sender.start()
            connection.execute(
                "SELECT sum(hash(a.range + b.range)) FROM range(1_000_000) a, range(10_000) b"
            ).fetchall()
        sender.join()


@pytest.mark.parametrize("first", [0, 1])
def test_blocks_may_be_left_in_any_order(first, number):
    ended = []
    blocks = [interrupting_on_signal(lambda name=name: ended.append(name), interrupt_errors=()) for name in "ab"]
    for block in blocks:
        block.__enter__()
    blocks[first].__exit__(None, None, None)

    with pytest.raises(ToldToEndError):
        os.kill(os.getpid(), number)
        time.sleep(10)
    while not ended:
        time.sleep(0.01)
    blocks[1 - first].__exit__(None, None, None)

    assert set(ended) == {"ab"[1 - first]}
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_interrupts_all_active_blocks(number):
    ended = set()
    with (
        pytest.raises(ToldToEndError),
        interrupting_on_signal(lambda: ended.add("outer"), interrupt_errors=()),
        interrupting_on_signal(lambda: ended.add("inner"), interrupt_errors=()),
    ):
        os.kill(os.getpid(), number)
        time.sleep(10)

    assert ended == {"outer", "inner"}


def test_an_error_without_a_signal_is_raised():
    with (
        pytest.raises(RuntimeError, match="of its own"),
        interrupting_on_signal(lambda: None, interrupt_errors=(RuntimeError,)),
    ):
        raise RuntimeError("of its own")


def test_a_second_signal_does_not_interrupt_cleanup(number):
    cleared = []

    with pytest.raises(ToldToEndError), deferring_signals():
        os.kill(os.getpid(), number)
        cleared.append("all of it")

    assert cleared == ["all of it"]


def test_handlers_are_restored_after_signals_were_deferred(number):
    before = signal.getsignal(number)

    with deferring_signals():
        pass

    assert signal.getsignal(number) is before


def test_blocks_in_other_threads_are_not_interrupted():
    done = []

    def work():
        with interrupting_on_signal(lambda: None, interrupt_errors=()):
            done.append(threading.current_thread())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert done == [thread]
