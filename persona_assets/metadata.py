"""Counts and costs as Dagster metadata: numbers and reasons, never a person's text or id."""

import resource
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager

import dagster as dg


def count_table(counts: Mapping[str, int], *, of: str) -> dg.TableMetadataValue:
    """Return `counts` as a table with a row for each key, most first, then by name; `of` heads the keys."""
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dg.MetadataValue.table(
        [dg.TableRecord({of: key, "count": count}) for key, count in rows],
        schema=dg.TableSchema([dg.TableColumn(of, "string"), dg.TableColumn("count", "int")]),
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
