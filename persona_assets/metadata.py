"""Counts and costs as Dagster metadata: numbers and reasons, never a person's text or id."""

import resource
import sys
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

import dagster as dg
import pyarrow.dataset as pads

from persona_assets.columns import ColumnInWords
from persona_assets.provenance import Provenance


def count_table(counts: Mapping[str, int], *, of: str) -> dg.TableMetadataValue:
    """Return `counts` as a table with a row for each key, most first, then by name; `of` heads the keys."""
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dg.MetadataValue.table(
        [dg.TableRecord({of: key, "count": count}) for key, count in rows],
        schema=dg.TableSchema([dg.TableColumn(of, "string"), dg.TableColumn("count", "int")]),
    )


def provenance_table(provenance: Provenance) -> dict[str, dg.TableMetadataValue]:
    """Return, as metadata, how a result was made: the window, then each step's settings and versions."""
    window = provenance["window"]
    shown = f"{window['from']} to {window['to']} ({window['days']} {'day' if window['days'] == 1 else 'days'})"
    rows = [("window", shown), ("missing days", ", ".join(window["missing"]) or "none")]
    for asset, steps in provenance["steps"].items():
        for step in steps:
            rows += [(f"{asset}: {name}", _show(value)) for name, value in step["settings"].items()]
    for step in provenance["steps"][provenance["asset"]]:
        rows += [(f"version of {name}", number) for name, number in step["versions"].items()]
    records = [dg.TableRecord({"what": what, "value": value}) for what, value in rows]
    return {
        "provenance": dg.MetadataValue.table(records, dg.TableSchema([dg.TableColumn("what"), dg.TableColumn("value")]))
    }


def _show(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def column_schema(columns: Iterable[ColumnInWords]) -> dg.TableSchema:
    """Return columns as the UI shows them: name, type in words, whether it may be empty, description."""
    return dg.TableSchema(
        [
            dg.TableColumn(name, kind, description, dg.TableColumnConstraints(nullable=nullable))
            for name, kind, description, nullable in columns
        ]
    )


@contextmanager
def measured() -> Generator[dict[str, float]]:
    """Measure a block: yields a dict that holds, once the block is left, its wall seconds and peak memory.

    Peak memory is that of the process so far and of its largest child, in MiB: with one process for the whole
    run (`in_process`), a step shows the largest peak until then.
    """
    cost: dict[str, float] = {}
    start = time.perf_counter()
    yield cost
    cost["seconds"] = round(time.perf_counter() - start, 3)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is bytes on macOS, KiB elsewhere
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cost["peak_memory_mib"] = round(max(peaks) / unit)


def missing_days(context: dg.AssetExecutionContext, **windows: pads.Dataset) -> dict[str, str | int]:
    """Return, as metadata, the days of the window and those that an input lacks: a hole must not look whole.

    Args:
        context: Of the asset whose inputs they are.
        **windows: Input name and the dataset that it was loaded as.
    """
    days: set[str] = set()
    missing: set[str] = set()
    for name, dataset in windows.items():
        expected = set(context.asset_partition_keys_for_input(name))
        days |= expected
        missing |= expected - {PurePosixPath(file).stem for file in dataset.files}
    return {"window_days": len(days), "missing_days": ", ".join(sorted(missing)) or "none"}
