"""Counts and costs as Dagster metadata: numbers and reasons, never a person's text or id."""

import resource
import sys
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pyarrow.dataset as pads

from persona_assets.common.columns import ColumnInWords
from persona_assets.common.provenance import Provenance, find_missing_days

_SHOWN_EXACTLY = 10_000


def count_table(counts: Mapping[str, int], *, of: str) -> dg.TableMetadataValue:
    """Return `counts` as a table with a row for each key, most first, then by name; `of` heads the keys."""
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dg.MetadataValue.table(
        [dg.TableRecord({of: key, "count": count}) for key, count in rows],
        schema=dg.TableSchema([dg.TableColumn(of, "string"), dg.TableColumn("count", "int")]),
    )


def provenance_table(provenance: Provenance) -> dict[str, dg.TableMetadataValue]:
    """Return, as metadata, how a result was made: the window, then each step's settings, then this step's versions.

    One column, as a page of 1440 pixels leaves 350 for the tables of an asset.
    """
    window = provenance["window"]
    missing = ", ".join(window["missing"]) or "none"
    lines = [f"window of {_count_days(window['days'])}", f"  from: {window['from']}", f"  to: {window['to']}"]
    lines.append(f"  missing: {missing}")
    for asset, steps in provenance["steps"].items():
        for settings in (step["settings"] for step in steps if step["settings"]):
            lines += [asset, *(f"  {name}: {_show(value)}" for name, value in settings.items())]
    (own, *_) = provenance["steps"][provenance["asset"]]
    lines += ["versions", *(f"  {name}: {number}" for name, number in own["versions"].items())]
    records = [dg.TableRecord({"how it was made": line}) for line in lines]
    return {"provenance": dg.MetadataValue.table(records, dg.TableSchema([dg.TableColumn("how it was made")]))}


def _count_days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def shorten_number(number: int) -> str:
    """Return a number in at most four signs, exact below 10,000, cut off above: "9999", "12k", "1.2M", "34M"."""
    if number < _SHOWN_EXACTLY:
        return str(number)
    for unit, sign in ((10**9, "G"), (10**6, "M")):
        if number >= unit:
            return f"{number // unit}{sign}" if number >= 10 * unit else f"{number * 10 // unit / 10}{sign}"
    return f"{number // 1000}k"


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
        missing |= find_missing_days(expected, dataset)
    return {"window_days": len(days), "missing_days": ", ".join(sorted(missing)) or "none"}
