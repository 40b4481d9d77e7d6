"""Pictures that are the same every time and small enough for the UI."""

import numpy as np
import pytest

from persona_assets.assets.cluster_stats.stats_plots import plot_map, plot_sizes

PNG = b"\x89PNG\r\n"


@pytest.mark.parametrize("clusters", [1, 10, 20, 21, 1000])
def test_sizes_are_drawn_for_any_number_of_clusters(clusters):
    users, labels = list(range(clusters + 9, 9, -1)), ["three · short · words"] * clusters

    png = plot_sizes(users, labels)

    assert png.startswith(PNG)
    assert len(png) < 70_000
    assert png == plot_sizes(users, labels)
    assert b"Software" not in png


def test_the_map_is_the_same_every_time():
    rng = np.random.default_rng(0)
    positions, clusters = rng.normal(size=(300, 2)).astype(np.float32), rng.integers(0, 3, 300)

    png = plot_map(positions, clusters, ["a", "b", "c"])

    assert png.startswith(PNG)
    assert png == plot_map(positions, clusters, ["a", "b", "c"])


def test_a_cluster_without_a_user_on_the_map_is_left_out():
    assert plot_map(np.zeros((1, 2), np.float32), np.array([2]), ["a", "b", "c"]).startswith(PNG)
