"""Work in foreign code ends with the process: at once, and as the handler of the signal says."""

import os
import signal
import threading
import time

import pyarrow as pa
import pytest

from persona_assets.common.database import open_duckdb
from persona_assets.common.interrupts import deferring_signals, ending_on_signal

# Minutes of work in the engine's own code; and its sorts do not look for signals.
SORT = "CREATE TABLE t AS SELECT md5(range::VARCHAR) AS h FROM range(200_000_000) ORDER BY h"


class ToldToEndError(BaseException):
    """What the handler of the test raises."""


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT])
def number(request):
    def handle(*_):
        raise ToldToEndError

    before = signal.signal(request.param, handle)
    yield request.param
    signal.signal(request.param, before)


def test_a_sort_of_minutes_ends_with_the_error_of_the_handler_and_leaves_nothing(number, tmp_path):
    sender = threading.Timer(1, os.kill, (os.getpid(), number))

    start = time.monotonic()
    with pytest.raises(ToldToEndError), open_duckdb(memory_limit="500MB", scratch=tmp_path) as connection:
        sender.start()
        connection.execute(SORT)

    assert time.monotonic() - start < 60  # alone it is one; the sort takes minutes
    assert list(tmp_path.iterdir()) == []
    sender.join()
    assert signal.set_wakeup_fd(-1) == -1


def test_a_stream_of_rows_that_a_query_reads_ends_with_the_error_of_the_handler(number, tmp_path):
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


def test_no_signal_is_taken_for_a_failure_of_the_query(number, tmp_path):
    # Not sorts alone, but queries that look for signals themselves and drop what the handler raised.
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
    blocks = [ending_on_signal(lambda name=name: ended.append(name), fails_with=()) for name in "ab"]
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


def test_all_work_that_is_under_way_is_ended(number):
    ended = set()
    with (
        pytest.raises(ToldToEndError),
        ending_on_signal(lambda: ended.add("outer"), fails_with=()),
        ending_on_signal(lambda: ended.add("inner"), fails_with=()),
    ):
        os.kill(os.getpid(), number)
        time.sleep(10)

    assert ended == {"outer", "inner"}


def test_an_error_that_no_signal_has_made_passes():
    with pytest.raises(RuntimeError, match="of its own"), ending_on_signal(lambda: None, fails_with=(RuntimeError,)):
        raise RuntimeError("of its own")


def test_clearing_up_is_not_ended_by_a_second_signal(number):
    cleared = []

    with pytest.raises(ToldToEndError), deferring_signals():
        os.kill(os.getpid(), number)
        cleared.append("all of it")

    assert cleared == ["all of it"]


def test_handlers_are_as_they_were_after_signals_were_held(number):
    before = signal.getsignal(number)

    with deferring_signals():
        pass

    assert signal.getsignal(number) is before


def test_work_in_another_thread_is_not_watched():
    done = []

    def work():
        with ending_on_signal(lambda: None, fails_with=()):
            done.append(threading.current_thread())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert done == [thread]
