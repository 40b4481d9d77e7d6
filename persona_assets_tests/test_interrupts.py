"""Work in foreign code ends with the process: at once, and as the handler of the signal says."""

import os
import signal
import threading
import time

import pytest

from persona_assets.engine import open_duckdb
from persona_assets.interrupts import ending_on_signal

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
    sender.start()

    start = time.monotonic()
    with pytest.raises(ToldToEndError), open_duckdb(memory_limit="500MB", scratch=tmp_path) as connection:
        connection.execute(SORT)

    assert time.monotonic() - start < 10
    assert list(tmp_path.iterdir()) == []
    sender.join()
    assert signal.set_wakeup_fd(-1) == -1


def test_an_error_that_no_signal_has_made_passes():
    with pytest.raises(RuntimeError, match="of its own"), ending_on_signal(lambda: None, fails_with=(RuntimeError,)):
        raise RuntimeError("of its own")


def test_work_in_another_thread_is_not_watched():
    done = []

    def work():
        with ending_on_signal(lambda: None, fails_with=()):
            done.append(threading.current_thread())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert done == [thread]
