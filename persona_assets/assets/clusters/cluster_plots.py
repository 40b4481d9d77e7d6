"""Plot the silhouette curve of the numbers of clusters tried, and a scatter plot of users, as PNG bytes."""

import numpy as np

from persona_assets.assets.clusters.choose_k import KCandidate
from persona_assets.common.pictures import UI_DPI, choose_colour, project_to_plane, to_png
from persona_assets.post_vectors.assign import Labels, Vectors

# Maximum number of clusters whose numbers are written on the map: the largest.
MAX_NUMBERED_CLUSTERS = 40


def plot_silhouette_curve(curve: list[KCandidate], chosen: int) -> bytes:
    """Plot mean silhouette and stability by number of clusters, with the number `chosen` marked; return PNG bytes.

    Args:
        curve: The numbers tried, ascending.
        chosen: The number that was chosen.
    """
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
    return to_png(figure, UI_DPI)


def plot_user_scatter(vectors: Vectors, labels: Labels) -> bytes:
    """Plot users by their first two principal components, coloured by cluster; return PNG bytes.

    The numbers of the largest clusters are written at the median position of their users.

    Args:
        vectors: `(n_users, d)`, a few thousand users at most.
        labels: Cluster of each user.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    positions = project_to_plane(vectors)
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    # Opaque points without antialiasing make the PNG half as large.
    found = np.unique(labels)
    colours = np.array([choose_colour(cluster) for cluster in range(int(found[-1]) + 1)])
    axes.scatter(*positions.T, c=colours[labels].tolist(), s=8, linewidths=0, antialiased=False)
    for cluster in found[:MAX_NUMBERED_CLUSTERS]:
        x, y = np.median(positions[labels == cluster], axis=0)
        box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.8}
        axes.annotate(f"{cluster}", (float(x), float(y)), ha="center", va="center", weight="bold", bbox=box)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second")
    axes.spines[["top", "right"]].set_visible(False)
    return to_png(figure, UI_DPI)
