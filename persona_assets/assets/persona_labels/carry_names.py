"""Give each persona a name on the day that it is born, and keep it while the persona continues."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from persona_assets.assets.persona_labels.stored_tables import PERSONA_LABELS

# Phrases that a name begins with, and what stands between them.
PHRASES_OF_A_NAME = 3
SEPARATOR = " · "

Row = dict[str, Any]


class _Name(NamedTuple):
    """A name, and where it comes from."""

    text: str
    named_on: dt.date
    method: str


def name_personas(
    history: pa.Table, phrases: pa.Table, endpoint_names: Mapping[tuple[dt.date, int], str] | None = None
) -> pa.Table:
    """Return `PERSONA_LABELS`: a row for each day and cluster of `phrases`, by both.

    A name that another persona has, or had, takes further phrases of its own; at last a number in brackets.

    Args:
        history: `tables.LINEAGE` of all days.
        phrases: `PERSONA_PHRASES` of all days, and the column `day`.
        endpoint_names: Names by a language model, by day and cluster, in place of those made of phrases.
    """
    personas = _find_personas(history, phrases)
    taken: set[str] = set()
    names: dict[int, _Name] = {}
    rows: list[Row] = []
    for row in sorted(phrases.to_pylist(), key=lambda one: (one["day"], one["cluster_id"])):
        place = (row["day"], row["cluster_id"])
        persona = personas.get(place)
        name = None if persona is None else names.get(persona)
        if name is None:
            given = (endpoint_names or {}).get(place)
            text = _make_unique(row, given, taken)
            name = _Name(text, row["day"], "endpoint" if given and text.startswith(given) else "phrases")
            if persona is not None:
                names[persona] = name
                taken.add(name.text.casefold())
        rows.append({**row, "persona_id": persona, "name": name.text, "named_on": name.named_on, "method": name.method})
    return pa.Table.from_pylist(_separate_unknown(rows), schema=PERSONA_LABELS)


def _find_personas(history: pa.Table, phrases: pa.Table) -> dict[tuple[dt.date, int], int]:
    """Return the persona of each day and cluster, without days that were made again since they were traced."""
    there = [row for row in history.to_pylist() if row["cluster_id"] is not None]
    traced: dict[dt.date, dict[int, int]] = {}
    for row in there:
        traced.setdefault(row["day"], {})[row["cluster_id"]] = row["users"]
    named: dict[dt.date, dict[int, int]] = {}
    for row in phrases.select(["day", "cluster_id", "users"]).to_pylist():
        named.setdefault(row["day"], {})[row["cluster_id"]] = row["users"]
    known = {day for day, users in named.items() if traced.get(day) == users}
    return {(row["day"], row["cluster_id"]): row["persona_id"] for row in there if row["day"] in known}


def _make_unique(row: Row, given: str | None, taken: set[str]) -> str:
    """Return a name that is not taken."""
    return next(name for name in _propose(row, given) if name.casefold() not in taken)


def _propose(row: Row, given: str | None) -> Iterator[str]:
    """Yield names, the best first, without end."""
    phrases, name = row["phrases"], given or row["name"]
    yield name
    if given:
        yield from (f"{given} ({phrase})" for phrase in phrases)
    else:
        first = phrases[: PHRASES_OF_A_NAME - 1]
        yield from (SEPARATOR.join([*first, phrase]) for phrase in phrases[PHRASES_OF_A_NAME:])
        yield from (SEPARATOR.join(phrases[:count]) for count in range(PHRASES_OF_A_NAME + 1, len(phrases) + 1))
    number = 2
    while True:
        yield f"{name} ({number})"
        number += 1


def _separate_unknown(rows: list[Row]) -> list[Row]:
    """Return the rows with names made unique in each day that lineage does not know; those of personas are."""
    taken: dict[dt.date, set[str]] = {}
    for row in rows:
        if row["persona_id"] is None:
            of_day = taken.setdefault(row["day"], set())
            row["name"] = _make_unique(row, None, of_day)
            of_day.add(row["name"].casefold())
    return rows
