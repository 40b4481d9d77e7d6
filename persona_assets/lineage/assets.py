"""The asset `lineage`."""

import base64
from collections import Counter
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.io_managers.parquet import DatasetWithSides, WithSides, with_sides
from persona_assets.lineage.days import read_days
from persona_assets.lineage.plots import plot_sizes
from persona_assets.lineage.trace import find_holes, trace_personas
from persona_assets.metadata import count_table, measured

# Rows of a table in the UI: all are in the stored tables.
MOST_SHOWN = 100
SHOWN = ("day", "persona_id", "event", "related_persona_id", "cluster_id", "users", "shared_users", "overlap")


def build_lineage(days: dg.DailyPartitionsDefinition, until: dg.TimeWindowPartitionMapping) -> dg.AssetsDefinition:
    """Return the asset, whose input is the clusters of all days up to the partition's own."""

    @dg.asset(
        group_name="lineage",
        kinds={"python", "numpy", "parquet"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={"clusters": dg.AssetIn(partition_mapping=until, metadata=with_sides("centres"))},
    )
    def lineage(clusters: DatasetWithSides):
        """Which persona each cluster of the day is, by a number that persists, and which were born, merged or gone."""
        with measured() as cost:
            history = trace_personas(read_days(clusters.main, clusters.sides["centres"]))
            last = pc.max(history["day"])
            of_day = history.filter(pc.equal(history["day"], last))
        return dg.MaterializeResult(
            value=WithSides(main=of_day, sides={"history": history}),
            metadata={**_describe(history, of_day), **cost},
        )

    return lineage


def _describe(history: pa.Table, of_day: pa.Table) -> dict[str, Any]:
    happened = history.filter(pc.not_equal(history["event"].cast(pa.string()), "continued"))
    days = sorted(set(history["day"].to_pylist()))
    picture = base64.b64encode(plot_sizes(history)).decode()
    return {
        "events": count_table(Counter(of_day["event"].to_pylist()), of="event"),
        "personas": _table(of_day.slice(0, MOST_SHOWN)),
        "history": _table(happened.slice(max(0, len(happened) - MOST_SHOWN))),
        "sizes": dg.MetadataValue.md(f"![users of each persona by day](data:image/png;base64,{picture})"),
        "days": len(days),
        "missing_days": ", ".join(map(str, find_holes(days))) or "none",
    }


def _table(rows: pa.Table) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord({name: _plain(value) for name, value in row.items()})
            for row in rows.select(SHOWN).to_pylist()
        ],
        schema=dg.TableSchema([dg.TableColumn(name, "string") for name in SHOWN]),
    )


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
