"""The picture of personas over days."""

import pytest

from persona_assets.assets.lineage.lineage_plots import plot_sizes
from persona_assets.assets.lineage.trace import trace_personas
from persona_assets_tests.assets.lineage.builders import Month, day_of, users_of


def month_of(days, *, personas=4):
    month = Month()
    for number in range(personas):
        month.add(f"p{number}", 40)
    return trace_personas([month.next_day(number)[0] for number in range(1, days + 1)])


@pytest.mark.parametrize(("days", "personas"), [(1, 3), (28, 6), (5, 60)])
def test_it_is_a_small_png_and_the_same_every_time(days, personas):
    history = month_of(days, personas=personas)

    png = plot_sizes(history)

    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000
    assert png == plot_sizes(history)


def test_a_day_without_clusters_has_no_bar_but_a_place():
    one = {"a": users_of("a", range(50))}
    together = trace_personas([day_of(1, one), day_of(2, one)])
    apart = trace_personas([day_of(1, one), day_of(20, one)])

    assert plot_sizes(together) != plot_sizes(apart)
