"""How a result was made: window, settings and versions, kept with it.

The same input gives the same bytes, so nothing here depends on time, place or machine: no clock, no path, no host, and
no setting that only says what a step may use.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

if TYPE_CHECKING:
    # It imports pandas (0.4 s), which the workers that parse a day do without.
    import pyarrow.dataset as pads

# In the schema metadata of every stored Parquet file, as JSON.
KEY = b"persona_assets.provenance"
# What every step uses.
_ALWAYS = ("persona_assets", "pyarrow")

Provenance = Mapping[str, Any]
_Noted = TypeVar("_Noted", pa.Schema, pa.Table)


def describe_step(  # noqa: PLR0913 - each a part of how a result is made
    asset: str,
    *,
    days: Sequence[str],
    settings: Mapping[str, Any] | None = None,
    libraries: Iterable[str] = (),
    inputs: Iterable[pads.Dataset | pa.Schema] = (),
    over_window: Iterable[pads.Dataset] = (),
) -> Provenance:
    """Return how the result of one step was made.

    Args:
        asset: The asset that the step makes.
        days: Of the window, the step's own day last, as "2025-03-01".
        settings: What was chosen for the step, of what changes its result.
        libraries: Distributions whose version may change it.
        inputs: What was read of the step's own day: datasets, or schemas with their metadata.
        over_window: What was read of all days of the window, a file a day that is named by it.

    Returns:
        `asset`; `window` with `from`, `to`, `days` and the days that are `missing`; and `steps`: by asset, this one and
        all before it, a list of the different `settings` and `versions` with which it was made for the days of the
        window. The list has one item, unless days were made differently.
    """
    step = {
        "settings": dict(sorted((settings or {}).items())),
        "versions": {name: version(name) for name in sorted({*_ALWAYS, *libraries})},
    }
    over_window = list(over_window)
    missing = {day for dataset in over_window for day in find_missing_days(days, dataset)}
    schemas = [schema for read in (*inputs, *over_window) for schema in _list_schemas(read)]
    return {
        "asset": asset,
        "window": {"from": min(days), "to": max(days), "days": len(days), "missing": sorted(missing)},
        "steps": {**_collect_steps(schemas), asset: [step]},
    }


def with_provenance(noted: _Noted, provenance: Provenance | None) -> _Noted:
    """Return a table or a schema with a note of how it was made; None notes nothing."""
    if provenance is None:
        return noted
    schema = noted if isinstance(noted, pa.Schema) else noted.schema
    metadata = {**(schema.metadata or {}), KEY: json.dumps(provenance, sort_keys=True).encode()}
    return noted.with_metadata(metadata) if isinstance(noted, pa.Schema) else noted.replace_schema_metadata(metadata)


def read_provenance(schema: pa.Schema) -> Provenance | None:
    """Return how a table was made; None where its schema does not say, as in files of version 0.1."""
    noted = (schema.metadata or {}).get(KEY)
    return None if noted is None else json.loads(noted)


def find_missing_days(days: Iterable[str], dataset: pads.Dataset) -> set[str]:
    """Return those of `days` that a dataset, a file a day that is named by it, lacks."""
    files = getattr(dataset, "files", None)  # one in memory has none
    return set() if files is None else set(days) - {PurePosixPath(file).stem for file in files}


def _list_schemas(read: pads.Dataset | pa.Schema) -> list[pa.Schema]:
    """Return the schema of each file that was read, with its metadata."""
    return [read] if isinstance(read, pa.Schema) else [part.physical_schema for part in read.get_fragments()]


def _collect_steps(inputs: Iterable[pa.Schema]) -> dict[str, list[Any]]:
    """Return the steps of all inputs by asset, in the order of their names, each different one once."""
    found: dict[str, set[str]] = {}
    for schema in inputs:
        for asset, steps in (read_provenance(schema) or {}).get("steps", {}).items():
            found.setdefault(asset, set()).update(json.dumps(step, sort_keys=True) for step in steps)
    return {asset: [json.loads(step) for step in sorted(steps)] for asset, steps in sorted(found.items())}
