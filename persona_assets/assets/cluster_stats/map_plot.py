"""Draw the map of users with the names of clusters, as PNG or SVG bytes that are the same every time."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from persona_assets.common.pictures import FILE_DPI, Floats, Ints, choose_colour, to_png, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels

# Clusters that may have a name on the map, the largest first.
MOST_NAMED = 40
# Of a name.
MOST_LETTERS = 28
# A user is 0.17 KB of SVG.
MOST_SVG_USERS = 4000
# Where a name may be, in heights of its line above the median of its cluster; the first free place is taken. That of a
# cluster lower than a line is not on it, where it would hide the users.
_SHIFTS = (0.0, 1.2, -1.2, 2.4, -2.4)


class Map(NamedTuple):
    """Some users on a plane."""

    positions: Floats  # (n_users, 2)
    clusters: Ints  # (n_users,)


def plot_map(
    user_map: Map,
    labels: Sequence[str],
    *,
    numbers: Sequence[int] | None = None,
    inches: tuple[float, float] = (8, 6),
    named: bool = True,
) -> bytes:
    """Return a PNG with a point for each user, coloured by cluster, and names of clusters where they do not overlap.

    Args:
        user_map: The users, at least one.
        labels: Name of each cluster.
        numbers: Number of the persona that each is, which decides its colour; by default that of the cluster.
        inches: Width and height, of `FILE_DPI` pixels each.
        named: Whether names are written beside numbers.
    """
    return to_png(_draw(user_map, labels, numbers or range(len(labels)), inches=inches, named=named), FILE_DPI)


def plot_map_svg(user_map: Map, labels: Sequence[str], *, numbers: Sequence[int] | None = None) -> bytes:
    """Return the same picture as SVG with names as text; of more than `MOST_SVG_USERS` users, every n-th is drawn."""
    step = -(-len(user_map.clusters) // MOST_SVG_USERS)
    shown = Map(user_map.positions[::step], user_map.clusters[::step])
    return to_svg(_draw(shown, labels, numbers or range(len(labels)), inches=(8, 6), named=True))


def _draw(
    user_map: Map, labels: Sequence[str], numbers: Sequence[int], *, inches: tuple[float, float], named: bool
) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    positions, clusters = user_map
    figure = Figure(figsize=inches)
    axes = figure.add_axes((0, 0, 1, 1))
    # Dots cover a tenth of the picture or so, however many they are.
    size = float(np.clip(20_000 / max(1, len(positions)), 6, 36)) * inches[0] / 8
    colours = np.array([choose_colour(number) for number in numbers])
    axes.scatter(*positions.T, c=colours[clusters].tolist(), s=size, linewidths=0, alpha=0.7)
    # A unit is as long in one direction as in the other: distances are what the map shows.
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.04)
    axes.axis("off")
    texts = [f"{number}  {_shorten(label)}" if named else "" for number, label in zip(numbers, labels, strict=True)]
    _write_names(axes, _find_quartiles(user_map, MOST_NAMED), texts, [f"{number}" for number in numbers])
    return figure


def _find_quartiles(user_map: Map, most: int) -> Iterator[tuple[int, Floats]]:
    """Yield the `most` first clusters that are on the map: number; lower quartile, median, upper quartile, `(3, 2)`."""
    for cluster in np.unique(user_map.clusters)[:most].tolist():
        yield cluster, np.quantile(user_map.positions[user_map.clusters == cluster], (0.25, 0.5, 0.75), axis=0)


def _write_names(
    axes: "Axes", quartiles: Iterator[tuple[int, Floats]], texts: Sequence[str], numbers: Sequence[str]
) -> None:
    """Write each cluster's text, or its number alone, at the first place that is in the picture and free."""
    axes.apply_aspect()
    taken: list[Box] = []
    for cluster, of_users in quartiles:
        lower, (x, y), upper = axes.transData.transform(of_users)
        for content in filter(None, (texts[cluster], numbers[cluster])):
            text = _annotate(axes, content)
            _, _, width, height = text.get_window_extent().bounds
            shifts = [shift for shift in _SHIFTS if shift or upper[1] - lower[1] > height]
            box = _find_place(axes, (x, y), (width, height), shifts, taken)
            if box:
                place = axes.transData.inverted().transform(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
                text.set_position((float(place[0]), float(place[1])))
                taken.append(box)
                break
            text.remove()


def _annotate(axes: "Axes", text: str) -> "Text":
    return axes.text(
        0,
        0,
        text,
        ha="center",
        va="center",
        size=8,
        weight="bold",
        parse_math=False,
        bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.65},
    )


def _find_place(
    axes: "Axes", middle: tuple[float, float], size: tuple[float, float], shifts: Sequence[float], taken: list[Box]
) -> Box | None:
    """Return where a text of `size` is in the picture and overlaps none of `taken`, if anywhere; all in pixels."""
    _, _, width, height = axes.bbox.bounds
    # The white box around a text is a fifth of a line larger on each side.
    half = size[0] / 2 + 0.2 * size[1], 0.7 * size[1]
    x = min(max(middle[0], half[0]), width - half[0])
    for shift in shifts:
        y = min(max(middle[1] + shift * size[1], half[1]), height - half[1])
        box = x - half[0], y - half[1], x + half[0], y + half[1]
        if not any(_overlap(box, other) for other in taken):
            return box
    return None


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _shorten(label: str) -> str:
    return label if len(label) <= MOST_LETTERS else f"{label[:MOST_LETTERS].rstrip()}…"
