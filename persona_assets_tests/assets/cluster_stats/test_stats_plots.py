"""Pictures that are the same every time and small enough for the UI."""

import pytest

from persona_assets.assets.cluster_stats.stats_plots import plot_cluster_sizes

PNG = b"\x89PNG\r\n"


@pytest.mark.parametrize("clusters", [1, 10, 20, 21, 1000])
def test_sizes_are_drawn_for_any_number_of_clusters(clusters):
    users, labels = list(range(clusters + 9, 9, -1)), ["three · short · words"] * clusters

    png = plot_cluster_sizes(users, labels)

    assert png.startswith(PNG)
    assert len(png) < 70_000
    assert png == plot_cluster_sizes(users, labels)
    assert b"Software" not in png


def test_a_label_is_not_parsed_as_a_formula():
    assert plot_cluster_sizes([1], ["costs $5 or $x^$ more"]).startswith(PNG)
