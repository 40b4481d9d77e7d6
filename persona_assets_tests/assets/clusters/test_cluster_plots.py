"""Plots as PNG: small, and the same bytes every time."""

import numpy as np
import pytest

from persona_assets.assets.clusters.choose_k import KCandidate
from persona_assets.assets.clusters.cluster_plots import plot_silhouette_curve, plot_user_scatter
from persona_assets_tests.assets.clusters.builders import planted

PNG = b"\x89PNG\r\n"


def test_the_curve_is_plotted_with_and_without_stability():
    curve = [KCandidate(2, 0.1, None), KCandidate(3, 0.3, 0.8), KCandidate(25, 0.2, None)]

    png = plot_silhouette_curve(curve, 3)

    assert png.startswith(PNG)
    assert png == plot_silhouette_curve(curve, 3)
    assert plot_silhouette_curve([KCandidate(2, 0.1, None)], 2).startswith(PNG)


@pytest.mark.parametrize(("clusters", "width"), [(1, 1), (3, 16), (60, 16)])
def test_the_map_is_plotted_for_any_number_of_clusters(clusters, width):
    vectors, _ = planted([2000], width=width)
    labels = np.arange(2000) % clusters

    png = plot_user_scatter(vectors, labels)

    assert png.startswith(PNG)
    assert len(png) < 75_000
    assert png == plot_user_scatter(vectors, labels)
    assert b"Software" not in png
