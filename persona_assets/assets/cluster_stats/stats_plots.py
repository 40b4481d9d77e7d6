"""Draw the sizes of clusters and the map of their users, as PNG bytes that are the same every time."""

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

DPI = 100
# Beyond this many, neither a label a bar nor a colour a cluster can be told apart.
MOST_LABELLED = 20
# A longer label would leave no room for its bar.
LETTERS_OF_A_LABEL = 60


def plot_sizes(users: list[int], labels: list[str]) -> bytes:
    """Return a bar a cluster, largest on top, with its label; for many clusters a curve of sizes by rank.

    Args:
        users: Number of users of each cluster, in order of its number.
        labels: Label of each cluster.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    few = len(users) <= MOST_LABELLED
    figure = Figure(figsize=(8, 0.6 + 0.32 * len(users)) if few else (8, 3.5), layout="constrained")
    axes = figure.subplots()
    numbers = np.arange(len(users))
    if few:
        axes.barh(numbers, users, color=[_colour(number) for number in range(len(users))])
        axes.set_yticks(numbers, [f"{number}  {_shorten(label)}" for number, label in enumerate(labels)])
        axes.invert_yaxis()
        axes.set_xlabel("users")
    else:
        axes.fill_between(numbers, users, step="mid", color=_colour(0))
        axes.set_xlabel("cluster")
        axes.set_ylabel("users")
        axes.set_yscale("log")
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def plot_map(positions: Floats, clusters: Ints, labels: list[str], *, inches: tuple[float, float] = (8, 6)) -> bytes:
    """Return a point a user, coloured by cluster, the cluster's number at the middle of its users.

    Args:
        positions: `(n_users, 2)`.
        clusters: `(n_users,)`, of each of them.
        labels: Label of each cluster.
        inches: Width and height, of `DPI` pixels each.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    figure = Figure(figsize=inches, layout="constrained")
    axes = figure.subplots()
    # Dots cover a tenth of the picture or so, however many they are.
    size = float(np.clip(20_000 / max(1, len(positions)), 6, 36)) * inches[0] / 8
    for cluster in range(len(labels)):
        x, y = positions[clusters == cluster].T
        axes.scatter(x, y, s=size, color=_colour(cluster), linewidths=0, alpha=0.7)
        if len(x) and len(labels) <= MOST_LABELLED:
            axes.annotate(
                f"{cluster}",
                (float(np.median(x)), float(np.median(y))),
                ha="center",
                va="center",
                weight="bold",
                bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": _colour(cluster)},
            )
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second principal component")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def project(vectors: Floats) -> Floats:
    """Return the first two principal components of `vectors`, `(n, 2)`, the same sign every time.

    Args:
        vectors: `(n, d)`, at least one row.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]
    if axes.shape[1] < 2:  # noqa: PLR2004 - the plane has two axes; vectors of one dimension lie on a line
        axes = np.hstack([axes, np.zeros_like(axes)])
    strongest = np.abs(axes).argmax(axis=0)
    return (centred @ (axes * np.sign(axes[strongest, [0, 1]]))).astype(np.float32)


def _shorten(label: str) -> str:
    return label if len(label) <= LETTERS_OF_A_LABEL else f"{label[:LETTERS_OF_A_LABEL]}…"


def _colour(cluster: int) -> str:
    """Return one of the twenty colours of matplotlib's tab20 in turn, the ten strong ones before the ten pale ones."""
    from matplotlib import colormaps  # noqa: PLC0415 - loaded with the figure
    from matplotlib.colors import to_hex  # noqa: PLC0415 - the same

    return to_hex(colormaps["tab20"]([*range(0, 20, 2), *range(1, 20, 2)][cluster % 20]))


def _png(figure: "Figure") -> bytes:
    # Without the library's name and version, so that the bytes depend on the data alone.
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
