"""Plot the number of users of each persona by day as a stacked bar chart, as PNG bytes."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.common.pictures import GREY, UI_DPI, choose_colour, to_png

# Maximum number of personas with a bar of their own, those with the most users over all days. The rest share a bar.
MAX_PERSONAS = 20
OTHERS = "others"
# Maximum number of dates on the axis.
MAX_DATES = 16


def plot_persona_sizes(history: pa.Table) -> bytes:
    """Plot the number of users of each persona by day as a stacked bar chart; return PNG bytes.

    Equal tables give equal bytes.

    Args:
        history: `tables.LINEAGE` of at least one day.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - 0.5 s, and definitions must load fast

    days, names, users = _count_users(history)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    bottom = np.zeros(len(days), np.int64)
    for name, sizes in zip(names, users, strict=True):
        colour = GREY if name == OTHERS else choose_colour(int(name))
        axes.bar(range(len(days)), sizes, 0.95, bottom, color=colour, label=name)
        bottom += sizes
    step = -(-len(days) // MAX_DATES)
    axes.set_xticks(range(0, len(days), step), [f"{day:%m-%d}" for day in days[::step]])
    axes.set_ylabel("users by persona")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, reverse=True, fontsize="small")
    return to_png(figure, UI_DPI)


def _count_users(history: pa.Table) -> tuple[list[dt.date], list[str], np.ndarray]:
    """Return the dates, the names of the bars, and the users of each bar on each date, `(n_bars, n_days)` int64.

    Dates without clusters between the first and the last are included, with 0 users.
    """
    clusters = history.filter(pc.is_valid(history["cluster_id"]))
    day = clusters["day"].cast(pa.int32()).to_numpy()
    persona, size = clusters["persona_id"].to_numpy(), clusters["users"].to_numpy()
    first = int(day.min())
    columns = day - first
    totals = np.bincount(persona, size)
    drawn = np.sort(np.argsort(-totals, kind="stable")[:MAX_PERSONAS])
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
