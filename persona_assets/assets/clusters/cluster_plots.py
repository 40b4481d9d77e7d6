"""Plot the silhouette curve of the numbers of clusters tried as PNG bytes."""

from persona_assets.assets.clusters.choose_k import KCandidate
from persona_assets.common.pictures import UI_DPI, to_png


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
