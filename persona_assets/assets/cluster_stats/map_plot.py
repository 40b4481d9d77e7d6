"""Draw the map of users with the names of clusters as PNG or SVG; the same input gives the same bytes."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.assets.cluster_stats.distinctive_words import SEPARATOR
from persona_assets.common.pictures import FILE_DPI, Floats, Ints, choose_colour, to_png, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels

# Maximum number of clusters with a name on the map; the largest are named.
MAX_NAMED_CLUSTERS = 40
# Maximum length of a name on the map; phrases at its end that do not fit are left out.
MAX_NAME_CHARACTERS = 28
# Maximum number of colours of the PNG, as many as a palette has: overlapping dots mix.
MAX_COLOURS = 256
# Maximum number of users in the SVG, where each takes 0.17 KB.
MAX_SVG_USERS = 4000
# Possible places of a name: distances from the median of its cluster, upwards, in line heights. The first free place is
# taken. 0 is skipped for a cluster that is less than a line high, because the name would hide its users.
_SHIFTS = (0.0, 1.2, -1.2, 2.4, -2.4)


class UserMap(NamedTuple):
    """Positions on the map of a sample of users, with the cluster of each user."""

    positions: Floats  # float32 (n_users, 2)
    clusters: Ints  # int64 (n_users,)
    outliers: npt.NDArray[np.bool_] | None = None  # (n_users,), far from the rest of their cluster; None: none is
    user_ids: Sequence[str] = ()  # (n_users,), to find them on the map of the day after


def plot_map_png(
    user_map: UserMap,
    labels: Sequence[str],
    *,
    numbers: Sequence[int] | None = None,
    inches: tuple[float, float] = (8, 6),
    named: bool = True,
) -> bytes:
    """Plot users as points coloured by cluster, with the clusters' names where they fit; return PNG bytes.

    Args:
        user_map: The users, at least one.
        labels: Name of each cluster.
        numbers: Number shown for each cluster, which decides its colour: `persona_id`, or by default `cluster_id`.
        inches: Width and height; an inch has `FILE_DPI` pixels.
        named: Whether names are written beside numbers.
    """
    return to_png(
        _draw(user_map, labels, numbers or range(len(labels)), inches=inches, named=named),
        FILE_DPI,
        n_colours=MAX_COLOURS,
    )


def plot_map_svg(user_map: UserMap, labels: Sequence[str], *, numbers: Sequence[int] | None = None) -> bytes:
    """Plot at most `MAX_SVG_USERS` users as points coloured by cluster, with the clusters' names; return an SVG.

    Args:
        user_map: The users, at least one.
        labels: Name of each cluster.
        numbers: As for `plot_map_png`.
    """
    step = -(-len(user_map.clusters) // MAX_SVG_USERS)
    shown = UserMap(user_map.positions[::step], user_map.clusters[::step])
    return to_svg(_draw(shown, labels, numbers or range(len(labels)), inches=(8, 6), named=True))


def _draw(
    user_map: UserMap, labels: Sequence[str], numbers: Sequence[int], *, inches: tuple[float, float], named: bool
) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    positions, clusters, *_ = user_map
    figure = Figure(figsize=inches)
    axes = figure.add_axes((0, 0, 1, 1))
    # Dots cover about a tenth of the picture, whatever their number.
    size = float(np.clip(20_000 / max(1, len(positions)), 6, 36)) * inches[0] / 8
    colours = np.array([choose_colour(number) for number in numbers])
    axes.scatter(*positions.T, c=colours[clusters].tolist(), s=size, linewidths=0, alpha=0.7)
    # Both axes have one scale, because distances are what the map shows.
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.04)
    axes.axis("off")
    texts = [f"{number}  {_shorten(label)}" if named else "" for number, label in zip(numbers, labels, strict=True)]
    _write_names(axes, _find_quartiles(user_map, MAX_NAMED_CLUSTERS), texts, [f"{number}" for number in numbers])
    return figure


def _find_quartiles(user_map: UserMap, max_clusters: int) -> Iterator[tuple[int, Floats]]:
    """Yield the number of each of the first clusters on the map, with the quartiles of its positions, `(3, 2)`."""
    for cluster in np.unique(user_map.clusters)[:max_clusters].tolist():
        yield cluster, np.quantile(user_map.positions[user_map.clusters == cluster], (0.25, 0.5, 0.75), axis=0)


def _write_names(
    axes: "Axes", quartiles: Iterator[tuple[int, Floats]], texts: Sequence[str], numbers: Sequence[str]
) -> None:
    """Write each cluster's text at the first free place in the picture, else its number, else nothing."""
    axes.apply_aspect()
    taken: list[Box] = []
    for cluster, data_quartiles in quartiles:
        lower, (x, y), upper = axes.transData.transform(data_quartiles)
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
    """Return the first box for a text that is in the picture and overlaps no taken box, or None; all in pixels.

    Args:
        axes: Axes that fill the picture.
        middle: Position from which shifts are counted.
        size: Width and height of the text.
        shifts: Distances to try, upwards, in heights of the text.
        taken: Boxes of the texts so far.
    """
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
    """Return the first phrases of a name, as many as fit; of a single one that does not fit, its beginning."""
    phrases = label.split(SEPARATOR)
    while len(phrases) > 1 and len(SEPARATOR.join(phrases)) > MAX_NAME_CHARACTERS:
        phrases.pop()
    text = SEPARATOR.join(phrases)
    return text if len(text) <= MAX_NAME_CHARACTERS else f"{text[:MAX_NAME_CHARACTERS].rstrip()}…"
