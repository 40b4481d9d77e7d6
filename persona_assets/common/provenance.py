"""Record with each result how it was made: its window, the settings and the library versions of all steps.

Equal inputs must give equal bytes. So provenance has no time, path or host, and no setting that changes only how much
memory or time a step may use.
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

# Key in the schema metadata of every stored Parquet file; the value is JSON.
PROVENANCE_KEY = b"persona_assets.provenance"
# Distributions that every step uses.
_ALWAYS_USED = ("persona_assets", "pyarrow")

Provenance = Mapping[str, Any]
_SchemaOrTable = TypeVar("_SchemaOrTable", pa.Schema, pa.Table)


def build_provenance(  # noqa: PLR0913 - each describes one part of how a result is made
    asset: str,
    *,
    days: Sequence[str],
    settings: Mapping[str, Any] | None = None,
    libraries: Iterable[str] = (),
    inputs: Iterable[pads.Dataset | pa.Schema] = (),
    over_window: Iterable[pads.Dataset] = (),
) -> Provenance:
    """Return how a result was made: window, settings and library versions of this step and all upstream steps.

    Args:
        asset: Name of the asset that the step makes.
        days: Days of the window as "2025-03-01"; the step's own day is the last one.
        settings: Settings of the step that change its result.
        libraries: Distributions whose version may change the result.
        inputs: Inputs of the step's own day: datasets, or schemas with their metadata.
        over_window: Inputs of all days of the window: datasets with one file per day, named by the day.

    Returns:
        `asset`, the name; `window` with `from`, `to`, `days` and the `missing` days; `steps`, which maps this asset and
        each upstream one to a list of its distinct `settings` and `versions` within the window. The list has one item
        unless days were made in different ways.
    """
    step = {
        "settings": dict(sorted((settings or {}).items())),
        "versions": {name: version(name) for name in sorted({*_ALWAYS_USED, *libraries})},
    }
    over_window = list(over_window)
    missing = {day for dataset in over_window for day in find_missing_days(days, dataset)}
    schemas = [schema for source in (*inputs, *over_window) for schema in _list_schemas(source)]
    return {
        "asset": asset,
        "window": {"from": min(days), "to": max(days), "days": len(days), "missing": sorted(missing)},
        "steps": {**_collect_steps(schemas), asset: [step]},
    }


def with_provenance(target: _SchemaOrTable, provenance: Provenance | None) -> _SchemaOrTable:
    """Return the table or schema with `provenance` stored in its schema metadata; unchanged if that is None."""
    if provenance is None:
        return target
    schema = target if isinstance(target, pa.Schema) else target.schema
    metadata = {**(schema.metadata or {}), PROVENANCE_KEY: json.dumps(provenance, sort_keys=True).encode()}
    return target.with_metadata(metadata) if isinstance(target, pa.Schema) else target.replace_schema_metadata(metadata)


def read_provenance(schema: pa.Schema) -> Provenance | None:
    """Return the provenance in a schema's metadata, or None if it has none, as files of version 0.1."""
    stored = (schema.metadata or {}).get(PROVENANCE_KEY)
    return None if stored is None else json.loads(stored)


def find_missing_days(days: Iterable[str], dataset: pads.Dataset) -> set[str]:
    """Return those of `days` for which a dataset with one file per day has no file."""
    files = getattr(dataset, "files", None)  # an in-memory dataset has no files
    return set() if files is None else set(days) - {PurePosixPath(file).stem for file in files}


def _list_schemas(source: pads.Dataset | pa.Schema) -> list[pa.Schema]:
    """Return the schema of each file of an input, with its metadata."""
    if isinstance(source, pa.Schema):
        return [source]
    return [fragment.physical_schema for fragment in source.get_fragments()]


def _collect_steps(inputs: Iterable[pa.Schema]) -> dict[str, list[Any]]:
    """Return the distinct steps of all inputs by asset, sorted by the name of the asset."""
    found: dict[str, set[str]] = {}
    for schema in inputs:
        for asset, steps in (read_provenance(schema) or {}).get("steps", {}).items():
            found.setdefault(asset, set()).update(json.dumps(step, sort_keys=True) for step in steps)
    return {asset: [json.loads(step) for step in sorted(steps)] for asset, steps in sorted(found.items())}
