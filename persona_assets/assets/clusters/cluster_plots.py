"""Draw the curve that a number of clusters was chosen from, and the map of users, as PNG bytes."""

import io
from typing import TYPE_CHECKING

import numpy as np

from persona_assets.assets.clusters.assign import Labels, Vectors
from persona_assets.assets.clusters.choose_k import Candidate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Dagster keeps what it shows in its database: some 40 KB a picture.
DPI = 70
# Clusters whose numbers are written on the map.
MOST_NUMBERED = 40


def plot_curve(curve: list[Candidate], chosen: int) -> bytes:
    """Return silhouette and stability by number of clusters, the chosen one marked."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    numbers = [candidate.n_clusters for candidate in curve]
    axes.plot(numbers, [candidate.silhouette for candidate in curve], marker="o", label="silhouette")
    stable = [(c.n_clusters, c.stability) for c in curve if c.stability is not None]
    if stable:
        axes.plot(*zip(*stable, strict=True), marker="s", linestyle="none", label="stability")
    axes.axvline(chosen, color="grey", linestyle=":", label=f"chosen: {chosen}")
    axes.set_xscale("log")
    axes.set_xticks(numbers, [f"{number}" for number in numbers], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("number of clusters")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return _png(figure)


def plot_map(vectors: Vectors, labels: Labels) -> bytes:
    """Return users on their first two principal components, coloured and numbered by cluster.

    Args:
        vectors: `(n_users, d)`, some thousands at most.
        labels: Cluster of each.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    positions = _project(vectors)
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    # Whole pixels of whole colours: half the bytes of smooth and translucent points.
    axes.scatter(*positions.T, c=labels % 20, cmap="tab20", vmin=0, vmax=19, s=8, linewidths=0, antialiased=False)
    found = np.unique(labels)
    for cluster in found[:MOST_NUMBERED]:
        x, y = np.median(positions[labels == cluster], axis=0)
        box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.8}
        axes.annotate(f"{cluster}", (float(x), float(y)), ha="center", va="center", weight="bold", bbox=box)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second")
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def _project(vectors: Vectors) -> Vectors:
    """Return the first two principal components, `(n, 2)`, the same signs every time."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]
    axes = np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))
    strongest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    return (centred @ (axes * np.where(strongest < 0, -1, 1))).astype(np.float32)


def _png(figure: "Figure") -> bytes:
    # Without the library's name and version, so that the bytes depend on the data alone.
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
