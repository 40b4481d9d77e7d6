"""Draw the sizes of clusters as PNG bytes that are the same every time."""

from collections.abc import Sequence

import numpy as np

from persona_assets.common.pictures import FILE_DPI, choose_colour, to_png

# Beyond this many bars, labels cannot be told apart.
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
        axes.set_yticks(
            places,
            [f"{number}  {_shorten(label)}" for number, label in zip(shown, labels, strict=True)],
            parse_math=False,
        )
        axes.invert_yaxis()
        axes.set_xlabel("users")
    else:
        axes.fill_between(places, users, step="mid", color=choose_colour(0))
        axes.set_xlabel("cluster")
        axes.set_ylabel("users")
        axes.set_yscale("log")
    axes.spines[["top", "right"]].set_visible(False)
    return to_png(figure, FILE_DPI)


def _shorten(label: str) -> str:
    return label if len(label) <= LETTERS_OF_A_LABEL else f"{label[:LETTERS_OF_A_LABEL]}…"
