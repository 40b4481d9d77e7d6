"""Draw how personas grow, shrink, begin and end, as PNG bytes that are the same every time."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.common.pictures import GREY, UI_DPI, choose_colour, to_png

# Personas drawn on their own, those with most users over the days; the others are drawn as one.
MOST_DRAWN = 20
OTHERS = "others"
# Days for each of which there is room for a date.
MOST_DATED = 16


def plot_sizes(history: pa.Table) -> bytes:
    """Return a bar a day of the users of each persona, stacked by its number.

    Args:
        history: `tables.LINEAGE` of some days, by day.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    days, names, users = _stack(history)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    below = np.zeros(len(days), np.int64)
    for name, sizes in zip(names, users, strict=True):
        colour = GREY if name == OTHERS else choose_colour(int(name))
        axes.bar(range(len(days)), sizes, 0.95, below, color=colour, label=name)
        below += sizes
    step = -(-len(days) // MOST_DATED)
    axes.set_xticks(range(0, len(days), step), [f"{day:%m-%d}" for day in days[::step]])
    axes.set_ylabel("users by persona")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, reverse=True, fontsize="small")
    return to_png(figure, UI_DPI)


def _stack(history: pa.Table) -> tuple[list[dt.date], list[str], np.ndarray]:
    """Return the days from the first to the last, the names of what is drawn, and the users of each, `(n, days)`."""
    there = history.filter(pc.is_valid(history["cluster_id"]))
    day = there["day"].cast(pa.int32()).to_numpy()
    persona, size = there["persona_id"].to_numpy(), there["users"].to_numpy()
    first = int(day.min())
    columns = day - first
    totals = np.bincount(persona, size)
    drawn = np.sort(np.argsort(-totals, kind="stable")[:MOST_DRAWN])
    drawn = drawn[totals[drawn] > 0]
    users = np.zeros((len(drawn) + 1, int(columns.max()) + 1), np.int64)
    row = np.full(len(totals), len(drawn))
    row[drawn] = np.arange(len(drawn))
    np.add.at(users, (row[persona], columns), size)
    names = [f"{number}" for number in drawn.tolist()]
    if users[-1].any():
        names.append(OTHERS)
    days = [dt.date(1970, 1, 1) + dt.timedelta(first + number) for number in range(users.shape[1])]
    return days, names, users[: len(names)]
