"""The asset `lineage`."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.lineage.lineage_plots import plot_persona_sizes
from persona_assets.assets.lineage.read_days import read_clusters_by_day
from persona_assets.assets.lineage.trace import list_absent_days, trace_personas
from persona_assets.common.checks import Check
from persona_assets.common.growing_tables import choose_data_version, read_stored_table
from persona_assets.common.metadata import build_count_table, measuring_time_and_memory, provenance_table
from persona_assets.common.pictures import to_data_url
from persona_assets.common.provenance import build_provenance, with_provenance
from persona_assets.io_managers.parquet_tables import DatasetWithSideTables, metadata_to_load_all_stored_days
from persona_assets.settings import read_settings

# Maximum number of rows of a table in the UI. The stored table has all.
MAX_ROWS_SHOWN = 100
# Columns of these tables, by headings short enough for a page of 1440 pixels.
_SHOWN = {
    "persona": "persona_id",
    "event": "event",
    "other": "related_persona_id",
    "users": "users",
    "shared": "shared_users",
    "overlap": "overlap",
}
_HAPPENED = {"day": "day", **_SHOWN}
_LAST_DAY = {heading: name for heading, name in _SHOWN.items() if heading != "other"} | {"cluster": "cluster_id"}


_COMPLETE = Check(
    "lineage",
    "no_day_between_is_missing",
    "Days between the first and the last have no clusters (missing_days in the metadata): personas were matched across "
    "the gap. Materialize clusters of these days, then lineage again.",
)


@dg.asset(
    group_name="persona_assets",
    kinds={"python", "numpy", "parquet"},
    tags={"stage": "all_days"},
    owners=["team:persona_assets"],
    ins={"clusters": dg.AssetIn(metadata=metadata_to_load_all_stored_days("cluster_centres"))},
    check_specs=[_COMPLETE.spec()],
)
def lineage(context: dg.AssetExecutionContext, clusters: DatasetWithSideTables):
    """The history of personas over all days: which cluster of a day continues which of the day before.

    One row is one persona on one day, and what happened to it: born, continued, split, merged or gone. Its `persona_id`
    stays the same from day to day. `overlap`, 0 to 1, is the share of users that two clusters have in common, of those
    who can be expected in both: near 1 it is the same group, below 0.5 fewer than half of them stayed. `happened` lists
    all events except continuations; `sizes` shows the personas over time.
    """
    with measuring_time_and_memory(context.log.info) as cost:
        history = trace_personas(read_clusters_by_day(clusters.main, clusters.side_tables["cluster_centres"]))
    description = _describe(history)
    missing = description["missing_days"]
    days = [str(day) for day in pc.unique(history["day"]).to_pylist()]
    made = build_provenance("lineage", days=days, libraries=["numpy"], inputs=[clusters.main])
    return dg.MaterializeResult(
        value=with_provenance(history, made),
        data_version=dg.DataVersion(choose_data_version(history, *read_stored_table(context, read_settings().data))),
        metadata={**description, **provenance_table(made), **cost},
        check_results=[_COMPLETE.result(passed=missing == "none", missing_days=missing)],
    )


def _describe(history: pa.Table) -> dict[str, Any]:
    """Return the metadata of the materialization."""
    event = history["event"].cast(pa.string())
    days = sorted(set(history["day"].to_pylist()))
    last_day = history.filter(pc.equal(history["day"], days[-1]))
    # On the first day all personas are born, which says nothing.
    happened = history.filter(pc.and_(pc.not_equal(event, "continued"), pc.is_valid(history["previous_day"])))
    picture = to_data_url(plot_persona_sizes(history))
    return {
        "sizes": dg.MetadataValue.md(f"![users of each persona by day]({picture})"),
        "events": build_count_table(Counter(event.to_pylist()), of="event"),
        "happened": _table(happened.slice(max(0, len(happened) - MAX_ROWS_SHOWN)), _HAPPENED),
        "last_day": _table(last_day.slice(0, MAX_ROWS_SHOWN), _LAST_DAY),
        "days": len(days),
        "missing_days": ", ".join(map(str, list_absent_days(days))) or "none",
    }


def _table(rows: pa.Table, shown: Mapping[str, str]) -> dg.TableMetadataValue:
    """Return rows of `tables.LINEAGE` as a table for the UI; `shown` has the column of each heading."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord({heading: _to_text(row[name]) for heading, name in shown.items()})
            for row in rows.select(list(shown.values())).to_pylist()
        ],
        schema=dg.TableSchema([dg.TableColumn(heading, description=name) for heading, name in shown.items()]),
    )


def _to_text(value: Any) -> str:
    """Return a value as a cell shows it: empty for null, three decimals for a float."""
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
