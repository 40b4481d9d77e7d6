"""Find what happened to the day's personas since the day before, and their sizes over the days."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# A persona grew or shrank if its number of users changed by this factor and by this number of users.
CHANGE_FACTOR, MIN_CHANGED_USERS = 1.2, 5
# Order in which changes are listed.
KINDS = ("born", "split", "grew", "shrank", "merged", "gone")
# Maximum number of days and of personas in the picture of sizes. Other personas are added up as one band.
MAX_DAYS, MAX_BANDS = 60, 20


class PersonaChange(NamedTuple):
    """A change of one persona since the day before: its kind, and the numbers of users before and now."""

    kind: str  # one of KINDS
    persona_id: int
    name: str
    users_before: int  # 0 if it is new
    users: int  # 0 if it ended
    related: str | None  # name of the persona that it split off from or merged into


class SizeBand(NamedTuple):
    """The number of users of one persona on each day of the history."""

    persona_id: int | None  # None: all personas without a band of their own
    name: str
    users: list[int]


class PersonaHistory(NamedTuple):
    """Changes of personas since the day before, and the number of users of each persona on each day."""

    previous_day: dt.date | None  # None: the day is the first one
    changes: list[PersonaChange]  # by kind in the order of KINDS, then by number of users, largest first
    days: list[dt.date]  # ascending, the day last
    bands: list[SizeBand]  # in order of their first day and persona_id, the others last


def find_persona_history(history: pa.Table, labels: pa.Table, day: dt.date) -> PersonaHistory | None:
    """Return the changes of personas since the day before `day` and their sizes until `day`; None if it is not traced.

    Later days do not change the result.

    Args:
        history: `tables.LINEAGE` of all days.
        labels: `PERSONA_LABELS` of all days, for names.
        day: The day.
    """
    columns = ["day", "persona_id", "event", "users", "related_persona_id", "previous_day"]
    rows = history.filter(pc.less_equal(history["day"], day)).select(columns).to_pylist()
    of_day = [row for row in rows if row["day"] == day]
    if not of_day:
        return None
    names = _name_personas(labels, day)
    users: defaultdict[dt.date, dict[int, int]] = defaultdict(dict)
    for row in rows:
        users[row["day"]][row["persona_id"]] = row["users"]
    previous_day: dt.date | None = of_day[0]["previous_day"]
    changes: list[PersonaChange] = []
    for row in of_day if previous_day else []:
        persona, before = row["persona_id"], users[row["previous_day"]].get(row["persona_id"], 0)
        kind = row["event"] if row["event"] != "continued" else _find_trend(before, row["users"])
        if kind:
            related = row["related_persona_id"]
            changes.append(
                PersonaChange(
                    kind,
                    persona,
                    _name_of(persona, names),
                    before,
                    row["users"],
                    None if related is None else _name_of(related, names),
                )
            )
    changes.sort(key=lambda one: (KINDS.index(one.kind), -max(one.users, one.users_before), one.persona_id))
    days = sorted(users)[-MAX_DAYS:]
    return PersonaHistory(previous_day, changes, days, _make_bands([users[one] for one in days], names))


def _name_personas(labels: pa.Table, day: dt.date) -> dict[int, str]:
    known = labels.filter(pc.and_(pc.less_equal(labels["day"], day), pc.is_valid(labels["persona_id"])))
    rows = known.select(["persona_id", "name", "day"]).sort_by("day")
    return dict(zip(rows["persona_id"].to_pylist(), rows["name"].to_pylist(), strict=True))


def _name_of(persona: int, names: Mapping[int, str]) -> str:
    return names.get(persona, f"persona {persona}")


def _find_trend(before: int, now: int) -> str | None:
    """Return whether a persona that continues grew or shrank; None if it stayed about as large."""
    least, most = sorted((before, now))
    if most - least < MIN_CHANGED_USERS or most < CHANGE_FACTOR * least:
        return None
    return "grew" if now > before else "shrank"


def _make_bands(users: list[dict[int, int]], names: Mapping[int, str]) -> list[SizeBand]:
    """Return the sizes of the personas that were largest on any day, then the sum of the others if there are any."""
    largest: dict[int, int] = {}
    for of_day in users:
        for persona, n in of_day.items():
            largest[persona] = max(largest.get(persona, 0), n)
    order = sorted((persona for persona in largest if largest[persona]), key=lambda one: (-largest[one], one))
    shown = sorted(order[:MAX_BANDS])
    bands = [SizeBand(one, _name_of(one, names), [of_day.get(one, 0) for of_day in users]) for one in shown]
    if len(order) > len(shown):
        all_users = np.array([sum(of_day.values()) for of_day in users])
        others = all_users - np.sum([band.users for band in bands], axis=0)
        bands.append(SizeBand(None, f"{len(order) - len(shown)} others", others.tolist()))
    return bands
