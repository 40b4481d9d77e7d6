"""Draw the sizes of clusters as PNG; the same input gives the same bytes."""

from collections.abc import Sequence

import numpy as np

from persona_assets.common.pictures import FILE_DPI, choose_colour, to_png

# Maximum number of bars whose labels are legible.
MAX_LABELLED_BARS = 20
# A longer label would leave no space for its bar.
MAX_LABEL_CHARACTERS = 60


def plot_cluster_sizes(users: list[int], labels: list[str], numbers: Sequence[int] | None = None) -> bytes:
    """Plot the number of users of each cluster as bars, or as a curve if there are many clusters; return PNG bytes.

    Args:
        users: Number of users of each cluster, largest first.
        labels: Label of each cluster.
        numbers: Number shown for each cluster, which decides its colour: `persona_id`, or by default `cluster_id`.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    has_labels = len(users) <= MAX_LABELLED_BARS
    figure = Figure(figsize=(8, 0.6 + 0.32 * len(users)) if has_labels else (8, 3.5), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(users))
    if has_labels:
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
    return label if len(label) <= MAX_LABEL_CHARACTERS else f"{label[:MAX_LABEL_CHARACTERS]}…"
