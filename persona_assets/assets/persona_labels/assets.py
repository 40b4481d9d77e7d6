"""The asset `persona_labels`."""

from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.assets.persona_labels.carry_names import name_personas
from persona_assets.common.checks import Check
from persona_assets.common.metadata import measured, provenance_table
from persona_assets.common.provenance import describe_step, with_provenance
from persona_assets.io_managers.parquet_tables import DatasetWithSides, every_day_with

_TRACED = Check(
    "persona_labels",
    "lineage_knows_every_day",
    "Days have clusters that lineage has not traced, or that were made again since (untraced_days in the metadata): "
    "their personas have names of their own day and no number. Materialize lineage, then this again.",
)
_UNIQUE = Check(
    "persona_labels",
    "names_are_unique",
    "Two personas have the same name: report this, it is a defect.",
    is_error=True,
)


def build_persona_labels() -> dg.AssetsDefinition:
    """Return the asset, which reads the phrases of all days and which persona each cluster is."""

    @dg.asset(
        group_name="persona_assets",
        kinds={"python", "parquet"},
        tags={"stage": "all_days"},
        owners=["team:persona_assets"],
        ins={"persona_phrases": dg.AssetIn(metadata=every_day_with())},
        check_specs=[_TRACED.spec(), _UNIQUE.spec()],
    )
    def persona_labels(lineage: pads.Dataset, persona_phrases: DatasetWithSides):
        """The names of personas, which stay from day to day: no two personas have the same.

        One row is one persona on one day. It is named by its phrases on the day that it is born, and keeps the name and
        its `persona_id` while `lineage` continues it; phrases and description are of the day. A day that `lineage` does
        not know has names of its own. Next: `cluster_stats` shows them in its report.
        """
        with measured() as cost:
            phrases = _with_days(persona_phrases.main)
            labels = name_personas(lineage.to_table(), phrases)
        made = describe_step(
            "persona_labels",
            days=[str(day) for day in pc.unique(labels["day"]).to_pylist()],
            inputs=[lineage, persona_phrases.main],
        )
        untraced = sorted({str(row["day"]) for row in labels.to_pylist() if row["persona_id"] is None})
        return dg.MaterializeResult(
            value=with_provenance(labels, made),
            metadata={
                "personas": pc.count_distinct(labels["persona_id"]).as_py(),
                "untraced_days": ", ".join(untraced) or "none",
                **provenance_table(made),
                **cost,
            },
            check_results=[
                _TRACED.answer(passed=not untraced, untraced_days=", ".join(untraced) or "none"),
                _UNIQUE.answer(passed=_are_unique(labels)),
            ],
        )

    return persona_labels


def _with_days(phrases: pads.FileSystemDataset) -> pa.Table:
    """Return the phrases of all days, each with its day, which the file is named by."""
    return pa.concat_tables([_add_day(fragment) for fragment in phrases.get_fragments()])


def _add_day(fragment: Any) -> pa.Table:
    return fragment.to_table(schema=fragment.physical_schema)


def _are_unique(labels: pa.Table) -> bool:
    """Say whether no two personas have the same name, and no two clusters of a day."""
    pairs = {(row["name"], row["persona_id"]) for row in labels.to_pylist() if row["persona_id"] is not None}
    of_day = labels.group_by(["day", "name"]).aggregate([("cluster_id", "count")])
    return len(pairs) == len({name for name, _ in pairs}) and (pc.max(of_day["cluster_id_count"]).as_py() or 1) == 1
