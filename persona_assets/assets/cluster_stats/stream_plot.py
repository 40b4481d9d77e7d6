"""Draw the sizes of personas over the days as stacked areas: the coordinates of an inline SVG."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from persona_assets.assets.cluster_stats.persona_history import PersonaHistory
from persona_assets.common.pictures import N_COLOURS

# Width and height of the picture, in its own units.
WIDTH, HEIGHT = 1000.0, 320.0
# A name is written on a band that is at least this high where it is highest.
MIN_NAMED_HEIGHT = 15.0
# Average width of a letter of such a name, and its maximum number of letters.
LETTER_WIDTH, MAX_LETTERS = 8.0, 30
# Maximum number of days with a date below the picture.
MAX_DATES = 6


class PersonaArea(NamedTuple):
    """The area of one persona in the stream plot: SVG path, colour, title, and label with its position."""

    title: str
    colour: int | None  # number of the colour of the palette; None: grey
    path: str  # `d` of the SVG path
    label: str  # name to be written on it, or ""
    x: float  # middle of the label
    y: float


class StreamPlot(NamedTuple):
    """A stacked area plot of persona sizes by day: the areas, and the labels of the dates."""

    areas: list[PersonaArea]
    dates: list[tuple[float, str, str]]  # x, date, and `text-anchor` of its text


def draw_size_stream(history: PersonaHistory) -> StreamPlot | None:
    """Return the SVG paths of a stacked area plot of persona sizes by day; None for fewer than two days.

    The bands are stacked from below in the order of the history, so that a persona keeps its place.

    Args:
        history: The sizes of personas.
    """
    if len(history.days) < 2:  # noqa: PLR2004 - one day has no course
        return None
    users = np.array([band.users for band in history.bands], float)
    tops = HEIGHT * (1 - np.cumsum(users, axis=0) / max(users.sum(axis=0).max(), 1))
    bottoms = np.vstack([np.full(len(history.days), HEIGHT), tops[:-1]])
    # Days lie where their dates are: a gap between stored days is as wide as it is long.
    passed = np.array([(day - history.days[0]).days for day in history.days], float)
    x = WIDTH * passed / passed[-1]
    areas = [
        PersonaArea(
            f"{band.name}: {band.users[0]:,} to {band.users[-1]:,} users",
            None if band.persona_id is None else band.persona_id % N_COLOURS,
            _path(x, top, bottom),
            *_place_name(band.name, x, top, bottom),
        )
        for band, top, bottom in zip(history.bands, tops, bottoms, strict=True)
    ]
    step = -(-len(x) // MAX_DATES)
    # Counted from the last day, which is the report's; the first one has its date only if it is a step away.
    chosen = list(range((len(x) - 1) % step, len(x), step))
    anchors = {0: "start", len(x) - 1: "end"}
    return StreamPlot(areas, [(round(float(x[n]), 1), f"{history.days[n]}", anchors.get(n, "middle")) for n in chosen])


def _path(x: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> str:
    corners = [*zip(x, top, strict=True), *zip(x[::-1], bottom[::-1], strict=True)]
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in corners) + "Z"


def _place_name(name: str, x: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> tuple[str, float, float]:
    """Return the name, or "" where the band is too thin for it, and the middle of its place."""
    label = name if len(name) <= MAX_LETTERS else f"{name[:MAX_LETTERS].rstrip()}…"
    half = len(label) * LETTER_WIDTH / 2
    candidates: Sequence[float] = np.linspace(half, WIDTH - half, 41).tolist() if half < WIDTH / 2 else []
    best = ("", 0.0, 0.0)
    most = MIN_NAMED_HEIGHT
    for middle in candidates:
        across = np.linspace(middle - half, middle + half, 5)
        high, low = np.interp(across, x, top).max(), np.interp(across, x, bottom).min()
        if low - high > most:
            most, best = low - high, (label, round(middle, 1), round(float(low + high) / 2, 1))
    return best
