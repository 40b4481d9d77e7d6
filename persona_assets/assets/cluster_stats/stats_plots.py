"""Draw the sizes of clusters and the map of their users, as PNG bytes that are the same every time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from persona_assets.common.pictures import FILE_DPI, Floats, choose_colour, to_png

if TYPE_CHECKING:
    pass

Ints = npt.NDArray[np.int64]

# Beyond this many, neither a label a bar nor a colour a cluster can be told apart.
MOST_LABELLED = 20
# A longer label would leave no room for its bar.
LETTERS_OF_A_LABEL = 60


def plot_sizes(users: list[int], labels: list[str], numbers: Sequence[int] | None = None) -> bytes:
    """Return a bar a cluster, largest on top, with its label; for many clusters a curve of sizes by rank.

    Args:
        users: Number of users of each cluster, in order of its number.
        labels: Label of each cluster.
        numbers: Number of the persona that each is, which decides its colour; by default that of the cluster.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    few = len(users) <= MOST_LABELLED
    figure = Figure(figsize=(8, 0.6 + 0.32 * len(users)) if few else (8, 3.5), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(users))
    if few:
        shown = list(numbers or range(len(users)))
        axes.barh(places, users, color=[choose_colour(number) for number in shown])
        axes.set_yticks(places, [f"{number}  {_shorten(label)}" for number, label in zip(shown, labels, strict=True)])
        axes.invert_yaxis()
        axes.set_xlabel("users")
    else:
        axes.fill_between(places, users, step="mid", color=choose_colour(0))
        axes.set_xlabel("cluster")
        axes.set_ylabel("users")
        axes.set_yscale("log")
    axes.spines[["top", "right"]].set_visible(False)
    return to_png(figure, FILE_DPI)


def plot_map(
    positions: Floats,
    clusters: Ints,
    labels: list[str],
    *,
    numbers: Sequence[int] | None = None,
    inches: tuple[float, float] = (8, 6),
) -> bytes:
    """Return a point a user, coloured by cluster, the cluster's number at the middle of its users.

    Args:
        positions: `(n_users, 2)`.
        clusters: `(n_users,)`, of each of them.
        labels: Label of each cluster.
        numbers: Number of the persona that each is, which decides its colour; by default that of the cluster.
        inches: Width and height, of `FILE_DPI` pixels each.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    figure = Figure(figsize=inches, layout="constrained")
    axes = figure.subplots()
    # Dots cover a tenth of the picture or so, however many they are.
    size = float(np.clip(20_000 / max(1, len(positions)), 6, 36)) * inches[0] / 8
    for cluster, number in enumerate(numbers or range(len(labels))):
        x, y = positions[clusters == cluster].T
        axes.scatter(x, y, s=size, color=choose_colour(number), linewidths=0, alpha=0.7)
        if len(x) and len(labels) <= MOST_LABELLED:
            axes.annotate(
                f"{number}",
                (float(np.median(x)), float(np.median(y))),
                ha="center",
                va="center",
                weight="bold",
                bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": choose_colour(number)},
            )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[["top", "right"]].set_visible(False)
    return to_png(figure, FILE_DPI)


def _shorten(label: str) -> str:
    return label if len(label) <= LETTERS_OF_A_LABEL else f"{label[:LETTERS_OF_A_LABEL]}…"
