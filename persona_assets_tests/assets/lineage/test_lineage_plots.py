"""The bar chart of personas by day."""

import pytest

from persona_assets.assets.lineage.lineage_plots import plot_persona_sizes
from persona_assets.assets.lineage.trace import trace_personas
from persona_assets_tests.assets.lineage.builders import Month, day_of, users_of


def month_of(days, *, personas=4):
    """`lineage` of this many days and personas."""
    month = Month()
    for number in range(personas):
        month.add(f"p{number}", 40)
    return trace_personas([month.next_day(number)[0] for number in range(1, days + 1)])


@pytest.mark.parametrize(("days", "personas"), [(1, 3), (28, 6), (5, 60)])
def test_it_is_a_small_png_of_the_same_bytes_every_time(days, personas):
    history = month_of(days, personas=personas)

    png = plot_persona_sizes(history)

    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000
    assert png == plot_persona_sizes(history)


def test_a_day_without_clusters_has_space_on_the_axis_and_no_bar():
    one = {"a": users_of("a", range(50))}
    together = trace_personas([day_of(1, one), day_of(2, one)])
    apart = trace_personas([day_of(1, one), day_of(20, one)])

    assert plot_persona_sizes(together) != plot_persona_sizes(apart)
