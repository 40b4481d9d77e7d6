"""Progress logs a line every few seconds, and none for short work."""

from persona_assets.common.progress import Progress


class Clock:
    """A clock whose time the test sets."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_line_every_few_seconds_has_rate_and_time_left():
    clock, lines = Clock(), []
    progress = Progress(lines.append, what="texts", total=1000, clock=clock)

    for _ in range(10):
        clock.now += 1
        progress.add(100)

    assert lines == ["500/1,000 texts, 100/s, 5 s left", "1,000/1,000 texts, 100/s, 0 s left"]


def test_short_work_logs_nothing():
    clock, lines = Clock(), []
    progress = Progress(lines.append, what="lines", clock=clock)

    clock.now += 4
    progress.add(1_000_000)

    assert (lines, progress.done) == ([], 1_000_000)


def test_without_a_total_no_time_left_is_logged():
    clock, lines = Clock(), []
    progress = Progress(lines.append, what="lines", clock=clock)

    clock.now += 10
    progress.add(20)

    assert lines == ["20 lines, 2/s"]
