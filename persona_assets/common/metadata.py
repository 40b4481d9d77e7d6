"""Build Dagster metadata: counts, provenance, column schemas, time and memory. Never a text or id of a person."""

import resource
import sys
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pyarrow.dataset as pads

from persona_assets.common.columns import ColumnDescription
from persona_assets.common.provenance import Provenance, find_missing_days

_MIN_SHORTENED = 10_000


def build_count_table(counts: Mapping[str, int], *, of: str) -> dg.TableMetadataValue:
    """Return `counts` as a Dagster table with columns `of` and "count", the highest count first, ties by key."""
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dg.MetadataValue.table(
        [dg.TableRecord({of: key, "count": count}) for key, count in rows],
        schema=dg.TableSchema([dg.TableColumn(of, "string"), dg.TableColumn("count", "int")]),
    )


def provenance_table(provenance: Provenance) -> dict[str, dg.TableMetadataValue]:
    """Return the metadata entry "provenance": window, settings of all steps, and library versions of this step.

    The table has one column, because Dagster's asset page leaves 350 of 1440 pixels for tables.
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
    """Return a number in at most four characters: exact below 10,000, then rounded down as "12k", "1.2M" or "34M"."""
    if number < _MIN_SHORTENED:
        return str(number)
    for unit, sign in ((10**9, "G"), (10**6, "M")):
        if number >= unit:
            return f"{number // unit}{sign}" if number >= 10 * unit else f"{number * 10 // unit / 10}{sign}"
    return f"{number // 1000}k"


def _show(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def build_column_schema(columns: Iterable[ColumnDescription]) -> dg.TableSchema:
    """Return the Dagster `TableSchema` of columns: name, type in plain words, description, nullability."""
    return dg.TableSchema(
        [
            dg.TableColumn(name, kind, description, dg.TableColumnConstraints(nullable=nullable))
            for name, kind, description, nullable in columns
        ]
    )


@contextmanager
def measuring_time_and_memory() -> Generator[dict[str, float]]:
    """Yield a dict that gets `seconds` (wall time) and `peak_memory_mib` of the block when it ends.

    Peak memory is the larger of this process's peak since its start and its largest child's, in MiB. With one process
    for the whole run (`in_process`), a step also shows the peaks of earlier steps.
    """
    cost: dict[str, float] = {}
    start = time.perf_counter()
    yield cost
    cost["seconds"] = round(time.perf_counter() - start, 3)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is bytes on macOS, KiB elsewhere
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cost["peak_memory_mib"] = round(max(peaks) / unit)


def window_and_missing_days_metadata(
    context: dg.AssetExecutionContext, **windows: pads.Dataset
) -> dict[str, str | int]:
    """Return `window_days`, the length of the window, and `missing_days`, the days that an input lacks, or "none".

    Args:
        context: Execution context of the asset.
        **windows: Dataset of each input that covers the window, by the name of the input.
    """
    days: set[str] = set()
    missing: set[str] = set()
    for name, dataset in windows.items():
        expected = set(context.asset_partition_keys_for_input(name))
        days |= expected
        missing |= find_missing_days(expected, dataset)
    return {"window_days": len(days), "missing_days": ", ".join(sorted(missing)) or "none"}


def build_text_table(texts: Mapping[str, str], *, of: str, shows: str) -> dg.TableMetadataValue:
    """Return `texts` as a metadata table with the columns `of` and `shows`, in their order."""
    return dg.MetadataValue.table(
        [dg.TableRecord({of: name, shows: text}) for name, text in texts.items()],
        schema=dg.TableSchema([dg.TableColumn(of, "string"), dg.TableColumn(shows, "string")]),
    )
