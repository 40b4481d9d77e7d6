"""Give each persona one unique name, on the day on which it is born, and keep it on the later days."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, groupby
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.persona_labels.endpoint_answers import EndpointName
from persona_assets.common.columns import column, required_column
from persona_assets.tables import CLOSED_SET

# What `name_personas` takes.
PHRASES = pa.schema(
    [
        required_column("day", pa.date32(), "The day (UTC) with which the window ends."),
        required_column("cluster_id", pa.int32(), "The cluster of that day."),
        column("name", pa.string(), "Name by this day's evidence alone: up to three phrases joined by ' · '."),
        column("phrases", pa.list_(pa.string()), "Key phrases, best first."),
        column("description", pa.string(), "One sentence on what its users write about and how they act."),
        required_column("users", pa.int64(), "Users of the cluster."),
    ]
)
# What `name_personas` returns.
PERSONA_LABELS = pa.schema(
    [
        required_column("day", pa.date32(), "The day (UTC) with which the window ends."),
        required_column("cluster_id", pa.int32(), "The cluster of that day."),
        column("persona_id", pa.int32(), "Its persona, as in lineage; empty where lineage does not know it."),
        required_column("name", pa.string(), "Name of the persona: the same from day to day, of no other persona."),
        required_column("description", pa.string(), "One sentence on what its users write about and how they act."),
        required_column("phrases", pa.list_(pa.string()), "Key phrases of that day, best first."),
        required_column("named_on", pa.date32(), "The day whose evidence gave the name."),
        required_column("method", CLOSED_SET, "Where the name is from: phrases or endpoint."),
        required_column("users", pa.int64(), "Users of the cluster."),
    ]
)
SEPARATOR = " · "
# Phrases of a name.
NAME_PHRASES = 3
# Name of a cluster that has neither a name nor a phrase.
UNNAMED = "unnamed"

Cluster = tuple[dt.date, int]  # day, cluster_id
Row = dict[str, Any]


class _Name(NamedTuple):
    text: str
    named_on: dt.date
    method: str
    description: str | None  # of the endpoint; None: each day has its own


class _TakenNames:
    """The names that are in use, compared without regard to case and to the order of their phrases."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._taken = {_comparable(name) for name in names}
        self._numbers: dict[tuple[str, ...], int] = {}  # the last number that was tried, by name without a number

    def take(self, candidates: Iterable[str]) -> str:
        """Return the first candidate that is free, else the first one with a number in brackets, and take it."""
        names = list(candidates)
        free = next((name for name in names if _comparable(name) not in self._taken), None)
        if free is None:
            free = self._with_number(names[0])
        self._taken.add(_comparable(free))
        return free

    def _with_number(self, name: str) -> str:
        # The number goes on from the last one given: a thousand clusters of the same phrases take no million tries.
        number = self._numbers.get(_comparable(name), 1) + 1
        while _comparable(f"{name} ({number})") in self._taken:
            number += 1
        self._numbers[_comparable(name)] = number
        return f"{name} ({number})"


def name_personas(
    history: pa.Table, phrases: pa.Table, *, endpoint_names: Mapping[Cluster, EndpointName] | None = None
) -> pa.Table:
    """Give each persona one unique name, from its first day on; return `PERSONA_LABELS`, a row per row of `phrases`.

    A persona is named from the evidence of the day on which it is born, or of the first later day that has evidence,
    and keeps the name. Names are given in the order of that day and of `persona_id`, so later days change no name that
    was given before. No two personas have the same name, even if one ended before the other was born: where a name is
    taken, other combinations of its own phrases are tried, best first, and then a number in brackets. Names that differ
    only in case or in the order of their phrases count as the same.

    A day is unknown to lineage where lineage has no row of it, or has other `users` for one of its clusters: then the
    clusters were made again since. Clusters of an unknown day keep the names of their own evidence, unique within the
    day, without a `persona_id`. So does a cluster that lineage lacks on a known day.

    The result depends on neither the order of rows nor anything but the arguments.

    Args:
        history: `tables.LINEAGE` of all days.
        phrases: `PHRASES`, one row a day and cluster.
        endpoint_names: Names and descriptions that replace those of `phrases`, by day and cluster. Only those of the
            rows that `select_naming_rows` returns are used. A description given here goes on with the name; an empty
            one leaves each day its own.
    """
    given = endpoint_names or {}
    rows = _join(history, phrases)
    taken, names = _TakenNames(), dict[int, _Name]()
    for row in sorted(_first_rows(rows), key=itemgetter("day", "persona_id")):
        names[row["persona_id"]] = _name_row(row, given, taken)
    labels: list[Row] = []
    for _, of_day in groupby(rows, key=itemgetter("day")):
        labels += _label_day(list(of_day), names, given)
    return pa.Table.from_pylist(labels, schema=PERSONA_LABELS)


def select_naming_rows(history: pa.Table, phrases: pa.Table) -> pa.Table:
    """Return the rows of `phrases` that need a name: each persona's first row, and all rows without a persona.

    These are the first row of each persona and all rows without a persona: an endpoint need not be asked about others.

    Args:
        history: `tables.LINEAGE` of all days.
        phrases: `PHRASES`, one row a day and cluster.
    """
    rows = _join(history, phrases)
    naming = [*_first_rows(rows), *(row for row in rows if row["persona_id"] is None)]
    schema = PHRASES.insert(2, PERSONA_LABELS.field("persona_id"))
    return pa.Table.from_pylist(sorted(naming, key=itemgetter("day", "cluster_id")), schema=schema)


def _join(history: pa.Table, phrases: pa.Table) -> list[Row]:
    """Return the rows of `phrases` by day and cluster, with a `persona_id`, None where lineage does not know it."""
    present = history.filter(pc.is_valid(history["cluster_id"]))
    known = {
        (row["day"], row["cluster_id"]): row
        for row in present.select(["day", "cluster_id", "persona_id", "users"]).to_pylist()
    }
    rows = sorted(phrases.select(PHRASES.names).to_pylist(), key=itemgetter("day", "cluster_id"))
    remade = {
        row["day"]
        for row in rows
        if (found := known.get((row["day"], row["cluster_id"]))) and found["users"] != row["users"]
    }
    for row in rows:
        found = None if row["day"] in remade else known.get((row["day"], row["cluster_id"]))
        row["persona_id"] = found and found["persona_id"]
        row["phrases"] = [phrase for phrase in row["phrases"] or () if phrase]
    return rows


def _first_rows(rows: list[Row]) -> Iterable[Row]:
    """Return the first row of each persona; `rows` are in the order of their days."""
    first: dict[int, Row] = {}
    for row in rows:
        if row["persona_id"] is not None:
            first.setdefault(row["persona_id"], row)
    return first.values()


def _name_row(row: Row, given: Mapping[Cluster, EndpointName], taken: _TakenNames) -> _Name:
    """Name a row by its own evidence."""
    by_endpoint = given.get((row["day"], row["cluster_id"]))
    if by_endpoint is None:
        return _Name(taken.take(_by_phrases(row)), row["day"], "phrases", None)
    longer = (f"{by_endpoint.name}{SEPARATOR}{phrase}" for phrase in row["phrases"])
    name = taken.take((by_endpoint.name, *longer))
    return _Name(name, row["day"], "endpoint", by_endpoint.description or None)


def _by_phrases(row: Row) -> Iterator[str]:
    """Yield the row's name and then its phrases in combinations, those with the best phrases first."""
    yield row["name"] or SEPARATOR.join(row["phrases"][:NAME_PHRASES]) or UNNAMED
    if row["phrases"]:
        yield from map(SEPARATOR.join, combinations(row["phrases"], min(NAME_PHRASES, len(row["phrases"]))))


def _label_day(rows: list[Row], names: Mapping[int, _Name], given: Mapping[Cluster, EndpointName]) -> Iterator[Row]:
    """Yield the labels of one day: those of personas are known, the other clusters are named around them."""
    personas = [row["persona_id"] for row in rows if row["persona_id"] is not None]
    taken = _TakenNames(names[persona].text for persona in personas)
    for row in rows:
        persona = row["persona_id"]
        name = _name_row(row, given, taken) if persona is None else names[persona]
        yield {
            **row,
            "name": name.text,
            "description": name.description or row["description"] or "",
            "named_on": name.named_on,
            "method": name.method,
        }


def _comparable(name: str) -> tuple[str, ...]:
    return tuple(sorted(" ".join(part.split()).casefold() for part in name.split(SEPARATOR)))
