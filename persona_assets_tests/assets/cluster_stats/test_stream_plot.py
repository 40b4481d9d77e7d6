"""The picture of sizes over the days."""

import datetime as dt
import re

from persona_assets.assets.cluster_stats.persona_history import PersonaHistory, SizeBand
from persona_assets.assets.cluster_stats.stream_plot import HEIGHT, MAX_DATES, WIDTH, draw_size_stream

FIRST = dt.date(2025, 3, 1)


def history_of(*bands, days=None):
    days = days or [FIRST + dt.timedelta(number) for number in range(len(bands[0].users))]
    return PersonaHistory(days[-2] if len(days) > 1 else None, [], days, list(bands))


def points_of(path):
    return [tuple(map(float, pair.split())) for pair in re.findall(r"[\d.]+ [\d.]+", path)]


def test_bands_are_stacked_without_gaps_in_the_colours_of_their_personas():
    stream = draw_size_stream(history_of(SizeBand(2, "low", [10, 20]), SizeBand(None, "others", [10, 20])))

    low, others = (points_of(area.path) for area in stream.areas)
    assert low == [(0, 240), (WIDTH, 160), (WIDTH, HEIGHT), (0, HEIGHT)]
    assert others == [(0, 160), (WIDTH, 0), (WIDTH, 160), (0, 240)]
    assert [area.colour for area in stream.areas] == [2, None]


def test_days_lie_where_their_dates_are():
    days = [FIRST, FIRST + dt.timedelta(1), FIRST + dt.timedelta(4)]

    stream = draw_size_stream(history_of(SizeBand(0, "a", [1, 1, 1]), days=days))

    assert [x for x, _ in points_of(stream.areas[0].path)[:3]] == [0, 250, 1000]
    assert stream.dates[-1] == (1000, "2025-03-05", "end")


def test_a_name_stands_on_a_band_that_has_room_for_it():
    stream = draw_size_stream(history_of(SizeBand(0, "large", [99, 99]), SizeBand(1, "thin", [1, 1])))

    assert [area.label for area in stream.areas] == ["large", ""]
    assert "thin: 1 to 1 users" in [area.title for area in stream.areas]


def test_one_day_has_no_picture_and_many_days_have_few_dates():
    assert draw_size_stream(history_of(SizeBand(0, "a", [1]))) is None
    assert len(draw_size_stream(history_of(SizeBand(0, "a", [1] * 60))).dates) <= MAX_DATES
