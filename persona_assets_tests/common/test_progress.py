"""A step logs a line every ten seconds from its first to its last, and its phases are listed at the end."""

import threading
import time

import duckdb
import pytest

from persona_assets.common import progress
from persona_assets.common.database import open_duckdb
from persona_assets.common.progress import (
    PhaseTotals,
    StepProgress,
    count_rows_read,
    format_duration,
    format_rate,
    phase,
    reporting_progress,
)


class Clock:
    """A clock whose time the test sets."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def start():
    clock, lines = Clock(), []
    return clock, lines, StepProgress(lines.append, clock=clock)


def tick_every_second(step, clock, seconds):
    for _ in range(seconds):
        clock.now += 1
        step.tick()


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "progress"]


def test_a_line_every_ten_seconds_has_count_time_rate_and_time_left():
    clock, lines, step = start()

    with step.phase("embedding", what="texts", total=4000) as texts:
        for _ in range(30):
            texts.add(100)
            tick_every_second(step, clock, 1)

    assert lines == [
        "embedding: 1,000/4,000 texts in 10 s, 100/s, 30 s left",
        "embedding: 2,000/4,000 texts in 20 s, 100/s, 20 s left",
        "embedding: 3,000/4,000 texts in 30 s, 100/s, 10 s left",
    ]


def test_a_phase_that_finishes_nothing_is_logged_from_its_first_seconds():
    clock, lines, step = start()

    with step.phase("embedding", what="texts", total=10):
        tick_every_second(step, clock, 10)
    with step.phase("sorting"):
        tick_every_second(step, clock, 10)
    tick_every_second(step, clock, 10)

    assert lines == ["embedding: 0/10 texts in 10 s", "sorting: 10 s", "other work: 10 s"]


def test_short_work_logs_nothing():
    clock, lines, step = start()

    with step.phase("parsing", what="lines") as parsed:
        tick_every_second(step, clock, 9)
        parsed.add(1_000_000)

    assert lines == []


@pytest.mark.parametrize("ticks_per_second", [1, 10, 1000])
def test_there_is_never_more_than_one_line_in_ten_seconds(ticks_per_second):
    clock, lines, step = start()

    with step.phase("parsing", what="lines") as parsed:
        for _ in range(35 * ticks_per_second):
            clock.now += 1 / ticks_per_second
            parsed.add(1)
            step.tick()

    assert len(lines) == 3


def test_without_a_total_no_time_left_is_logged():
    clock, lines, step = start()

    with step.phase("parsing", what="lines") as parsed:
        parsed.add(20)
        tick_every_second(step, clock, 10)

    assert lines == ["parsing: 20 lines in 10 s, 2.0/s"]


def test_counts_of_outer_phases_are_logged_before_the_inner_one():
    clock, lines, step = start()

    with step.phase("trying numbers", what="numbers", total=4) as numbers, step.phase("fitting"):
        numbers.add(1)
        with step.phase("swapping", what="swaps", total=40):
            tick_every_second(step, clock, 10)

    assert lines == ["trying numbers: 1/4 numbers in 10 s, 10.0 s each, 30 s left; swapping: 0/40 swaps in 10 s"]


def test_a_count_of_another_process_is_asked_for():
    clock, lines, step = start()

    with step.phase("parsing", what="MB", total=100) as parsed:
        parsed.count_by(lambda: 50)
        tick_every_second(step, clock, 10)

    assert lines == ["parsing: 50/100 MB in 10 s, 5.0/s, 10 s left"]
    assert step.list_totals()[0] == PhaseTotals("parsing", "MB", 50, 10)


def test_a_query_is_logged_with_percentage_and_time_left():
    clock, lines, step = start()
    percent = iter([*range(70, 98, 4), 10, 20, 30])  # a second query begins after seven seconds

    with step.phase("sorting"), step.watching_queries(lambda: next(percent)):
        tick_every_second(step, clock, 10)

    assert lines == ["sorting: 10 s, query 30 %, 5 s left"]


def test_rates_below_one_a_second_are_readable():
    assert format_rate(4, 10) == "2.5 s each"
    assert format_rate(25, 10) == "2.5/s"
    assert format_rate(120_000, 10) == "12,000/s"
    assert format_rate(1, 0) == "1,000/s"


def test_durations_have_the_unit_that_fits():
    assert [format_duration(seconds) for seconds in (0.4, 119, 120, 7199, 7200)] == [
        "0 s",
        "119 s",
        "2 min",
        "120 min",
        "2.0 h",
    ]


def test_totals_are_summed_by_name_and_add_up_to_the_time_of_the_step():
    clock, _, step = start()

    for count in (3, 4):
        clock.now += 1
        with step.phase("reading", what="files") as files:
            files.add(count)
            clock.now += 10
    with step.phase("sorting"):
        clock.now += 5
    clock.now += 2

    assert step.list_totals() == [
        PhaseTotals("reading", "files", 7, 20),
        PhaseTotals("sorting", "", 0, 5),
        PhaseTotals("other work", "", 0, 4),
    ]
    assert step.list_totals()[0].rate() == "2.9 s each"


def test_a_phase_ends_when_its_generator_is_closed():
    clock, lines, step = start()

    def read():
        with step.phase("reading", what="rows") as rows:
            yield from count_rows_read([duckdb.sql("SELECT 1").to_arrow_table()] * 3, rows)

    rows = read()
    next(rows), next(rows)
    clock.now += 1
    rows.close()
    tick_every_second(step, clock, 9)

    assert lines == ["other work: 9 s"]
    assert step.list_totals()[0] == PhaseTotals("reading", "rows", 1, 1)


def test_lines_come_from_a_thread_while_a_phase_computes(monkeypatch):
    monkeypatch.setattr(progress, "LOG_INTERVAL_SECONDS", 0.2)
    times = []

    with reporting_progress(lambda _: times.append(time.monotonic())):
        began = time.monotonic()
        with phase("counting"):
            sum(number * number for number in range(10_000_000))
        ended = time.monotonic()

    steps = [after - before for before, after in zip([began, *times], [*times, ended], strict=True)]
    assert len(times) >= 2
    assert min(steps[1:-1]) > 0.19
    assert not threads()


def test_a_query_of_duckdb_is_watched_from_another_thread(monkeypatch, tmp_path):
    monkeypatch.setattr(progress, "LOG_INTERVAL_SECONDS", 0.1)
    monkeypatch.setattr(progress, "_WATCH_SECONDS", 0.05)
    lines = []

    with (
        reporting_progress(lines.append),
        phase("joining"),
        open_duckdb(memory_limit="500MB", scratch=tmp_path) as con,
    ):
        con.execute("CREATE TABLE numbers AS SELECT range AS n FROM range(40_000)")
        # 1.6 billion pairs: seconds, whatever the machine.
        con.execute("SELECT count(*) FROM numbers a JOIN numbers b ON (a.n * b.n) % 7 = 8").fetchall()

    assert any(line.startswith("joining: ") and " %" in line for line in lines), lines[-3:]


def test_an_error_ends_the_thread_and_the_phase():
    with pytest.raises(ValueError, match="wrong"), reporting_progress(print) as step, phase("failing"):
        raise ValueError("wrong")

    assert not threads()
    assert [phase.name for phase in step.list_totals()] == ["failing", "other work"]


def test_a_block_within_a_block_adds_its_phases_to_the_outer_one():
    with reporting_progress(print) as outer, reporting_progress(print) as inner, phase("inner"):
        assert len(threads()) == 1

    assert inner is outer
    assert outer.list_totals()[0].name == "inner"


def test_without_a_block_phases_count_and_nothing_is_logged(capfd):
    with phase("parsing", what="lines", total=3) as parsed:
        parsed.add(2)

    assert parsed.done == 2
    assert capfd.readouterr() == ("", "")


def test_a_phase_can_be_told_how_many_items_are_done():
    with phase("downloading", what="bytes", total=10) as bytes_read:
        bytes_read.advance_to(4)
        bytes_read.advance_to(7)

    assert bytes_read.done == 7
