"""Events become capture files, with duplicates and damaged lines."""

import datetime as dt
import gzip
import json

import numpy as np
import pytest

from persona_assets.sample.delivery import (
    DAMAGED_LINES_PER_KIND,
    DAMAGES,
    Delivery,
    build_day_files,
    day_start_us,
    draw_damaged_lines,
    draw_second_deliveries,
    draw_times,
)

DAY = dt.date(2025, 3, 2)
LINE = '{"did":"did:plc:a","time_us":1,"kind":"commit","commit":{"rev":"3k","record":{"text":"é"}}}'.encode()


def rng():
    return np.random.default_rng(6)


def deliveries(count=400):
    return [Delivery(at_us, LINE) for at_us in draw_times(DAY, count, rng())]


def test_times_are_distinct_sorted_and_within_the_day():
    times = draw_times(DAY, 50_000, rng())

    assert times == sorted(set(times))
    assert day_start_us(DAY) < times[0]
    assert times[-1] < day_start_us(DAY + dt.timedelta(1))


def test_duplicates_are_later_on_the_same_day():
    first = deliveries()

    again = draw_second_deliveries(first, rng())

    assert again
    assert all(first[0].at_us < one.at_us <= first[-1].at_us for one in again)
    assert all(one.line == LINE for one in again)


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_line_is_no_event(kind):
    line = DAMAGES[kind](LINE)

    assert b"\n" not in line
    try:
        content = json.loads(line)
    except ValueError:
        return
    assert not isinstance(content, dict) or "commit" not in content


def test_every_kind_of_damage_occurs_and_is_counted():
    lines, kinds = draw_damaged_lines(deliveries(), rng())

    assert kinds == dict.fromkeys(DAMAGES, DAMAGED_LINES_PER_KIND)
    assert len(lines) == kinds.total()


def test_files_have_every_line_in_the_folder_of_its_hour():
    written = deliveries()

    files = build_day_files(DAY, reversed(written), rng())

    lines = []
    for name, content in files.items():
        month, day, hour, file = name.split("/")
        assert (month, day) == ("bluesky-2025-03", "02")
        assert file.startswith(f"bluesky-2-2025-03-02-{hour}-")
        lines += (gzip.decompress(content) if name.endswith(".gz") else content).splitlines()
    assert len(lines) == len(written)
    assert any(name.endswith(".gz") for name in files)
