"""Build Dagster metadata: counts, provenance, column schemas, time and memory. Never a text or id of a person."""

import resource
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pyarrow.dataset as pads

from persona_assets.common.columns import ColumnDescription
from persona_assets.common.progress import PhaseTotals, reporting_progress
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
def measuring_time_and_memory(log: Callable[[str], None]) -> Generator[dict[str, Any]]:
    """Log the progress of the block, and yield a dict that gets metadata about the block when it ends.

    The metadata are `seconds` (wall time), `peak_memory_mib` and `progress`, a table of the phases of the block: items
    done, seconds and rate.

    Peak memory is the larger of this process's peak since its start and its largest child's, in MiB. With one process
    for the whole run (`in_process`), a step also shows the peaks of earlier steps.

    Args:
        log: Writes a line, such as `context.log.info`; see `progress.reporting_progress`.
    """
    cost: dict[str, Any] = {}
    start = time.perf_counter()
    with reporting_progress(log) as progress:
        yield cost
    cost["seconds"] = round(time.perf_counter() - start, 3)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is bytes on macOS, KiB elsewhere
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cost["peak_memory_mib"] = round(max(peaks) / unit)
    cost["progress"] = build_phase_table(progress.list_totals())


def build_phase_table(totals: Iterable[PhaseTotals]) -> dg.TableMetadataValue:
    """Return what the phases of a step took as a table with columns "phase", "done", "seconds" and "rate"."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "phase": f"{phase.name} ({phase.what})" if phase.what else phase.name,
                    "done": phase.done if phase.what else None,
                    "seconds": round(phase.seconds, 1),
                    "rate": phase.rate(),
                }
            )
            for phase in totals
        ],
        schema=dg.TableSchema(
            [
                dg.TableColumn("phase"),
                dg.TableColumn("done", "int"),
                dg.TableColumn("seconds", "float"),
                dg.TableColumn("rate"),
            ]
        ),
    )


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
