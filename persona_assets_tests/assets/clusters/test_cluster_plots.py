"""The curve as PNG: the same bytes every time."""

from persona_assets.assets.clusters.choose_k import KCandidate
from persona_assets.assets.clusters.cluster_plots import plot_silhouette_curve

PNG = b"\x89PNG\r\n"


def test_the_curve_is_plotted_with_and_without_stability():
    curve = [KCandidate(2, 0.1, None), KCandidate(3, 0.3, 0.8), KCandidate(25, 0.2, None)]

    png = plot_silhouette_curve(curve, 3)

    assert png.startswith(PNG)
    assert png == plot_silhouette_curve(curve, 3)
    assert plot_silhouette_curve([KCandidate(2, 0.1, None)], 2).startswith(PNG)
    assert b"Software" not in png
