"""The asset `persona_labels`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.assets.persona_labels.carry_names import name_personas, select_naming_rows
from persona_assets.assets.persona_labels.endpoint import Answers, Endpoint, RequestLimits, ask_endpoint
from persona_assets.assets.persona_labels.endpoint_prompt import Evidence
from persona_assets.assets.persona_labels.stored_tables import STORED_TABLES
from persona_assets.common.checks import Check
from persona_assets.common.growing_tables import choose_data_version, read_stored_table
from persona_assets.common.metadata import build_count_table, measuring_time_and_memory, provenance_table
from persona_assets.common.provenance import build_provenance, with_provenance
from persona_assets.common.scratch import Scratch
from persona_assets.errors import SettingsError
from persona_assets.io_managers.parquet_tables import DatasetWithSideTables, metadata_to_load_all_stored_days
from persona_assets.settings import Settings, read_settings

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
_ANSWERED = Check(
    "persona_labels",
    "the_endpoint_named_all",
    "Personas are named by their phrases, because the endpoint gave no name that can be used (endpoint_outcomes in the "
    "metadata says why). Names that were given stay: see PERSONA_LABEL_URL, and materialize this again.",
)


def build_persona_labels() -> dg.AssetsDefinition:
    """Build the asset `persona_labels`: a name, a description and key phrases of each persona on each day."""

    @dg.asset(
        group_name="persona_assets",
        kinds={"python", "parquet"},
        tags={"stage": "all_days"},
        owners=["team:persona_assets"],
        ins={"persona_phrases": dg.AssetIn(metadata=metadata_to_load_all_stored_days())},
        check_specs=[check.spec() for check in (_TRACED, _UNIQUE, _ANSWERED)],
    )
    def persona_labels(
        context: dg.AssetExecutionContext,
        scratch: Scratch,
        lineage: pads.Dataset,
        persona_phrases: DatasetWithSideTables,
    ):
        """The names of personas, which stay from day to day: no two personas have the same.

        One row is one persona on one day. It is named by its phrases on the day that it is born, and keeps the name and
        its `persona_id` while `lineage` continues it; phrases and description are of the day. A day that `lineage` does
        not know has names of its own. With `PERSONA_LABEL_URL` a language model puts the names together. Next:
        `cluster_stats` shows them in its report.
        """
        settings = read_settings()
        with measuring_time_and_memory(context.log.info) as cost:
            history, phrases = lineage.to_table(), _read_with_days(persona_phrases.main)
            answers = (
                _ask(settings, select_naming_rows(history, phrases), scratch.new_folder())
                if settings.label_url
                else None
            )
            labels = name_personas(history, phrases, endpoint_names=answers.names if answers else None)
        made = build_provenance(
            STORED_TABLES[0].name,
            days=[f"{day}" for day in pc.unique(labels["day"]).to_pylist()],
            settings={"label_model": settings.label_model} if settings.label_url else {},
            inputs=[lineage, persona_phrases.main],
        )
        if answers:
            context.log.info("endpoint: %d requests; %s", answers.requests, answers.counts)
        unnamed = _count_without_name(answers)
        untraced = sorted({f"{day}" for day in labels.filter(pc.is_null(labels["persona_id"]))["day"].to_pylist()})
        return dg.MaterializeResult(
            value=with_provenance(labels, made),
            data_version=dg.DataVersion(choose_data_version(labels, *read_stored_table(context, settings.data))),
            metadata={
                "personas": pc.count_distinct(labels["persona_id"]).as_py(),
                "untraced_days": ", ".join(untraced) or "none",
                **_describe_answers(answers),
                **provenance_table(made),
                **cost,
            },
            check_results=[
                _TRACED.result(passed=not untraced, untraced_days=", ".join(untraced) or "none"),
                _UNIQUE.result(passed=are_names_unique(labels)),
                _ANSWERED.result(passed=not unnamed, without_a_name=unnamed),
            ],
        )

    return persona_labels


def _read_with_days(phrases: pads.FileSystemDataset) -> pa.Table:
    """Return the phrases of all days with their column `day`, which inputs are loaded without."""
    parts: list[pa.Table] = []
    for fragment in phrases.get_fragments():
        schema = fragment.physical_schema
        parts.append(fragment.to_table(schema=schema, columns=schema.names).replace_schema_metadata())
    return pa.concat_tables(parts)


def _ask(settings: Settings, rows: pa.Table, scratch: Path) -> Answers[Any]:
    """Ask the endpoint of the settings for the names of these rows; answers are kept below PERSONA_DATA."""
    if not settings.label_url or not settings.label_model:
        raise SettingsError("PERSONA_LABEL_URL is set, and PERSONA_LABEL_MODEL is not: name the endpoint's model")
    evidence: Mapping[Any, Evidence] = {
        (row["day"], row["cluster_id"]): Evidence(tuple(row["phrases"])) for row in rows.to_pylist()
    }
    return ask_endpoint(
        evidence,
        Endpoint(settings.label_url, settings.label_model, settings.label_key),
        limits=RequestLimits(settings.label_timeout, settings.label_requests, settings.label_seconds),
        cache=scratch if "://" in settings.data else Path(settings.data).absolute() / "label_cache",
        clock=time.monotonic,
    )


def _count_without_name(answers: Answers[Any] | None) -> int:
    counts = answers.counts if answers else {}
    return sum(count for outcome, count in counts.items() if outcome not in {"named", "cached"})


def _describe_answers(answers: Answers[Any] | None) -> dict[str, dg.MetadataValue[Any]]:
    if answers is None:
        return {}
    return {
        "endpoint_outcomes": build_count_table({str(outcome): n for outcome, n in answers.counts.items()}, of="outcome")
    }


def are_names_unique(labels: pa.Table) -> bool:
    """Return whether all personas, and all clusters of one day, have different names.

    Args:
        labels: `PERSONA_LABELS`.
    """
    known = labels.filter(pc.is_valid(labels["persona_id"])).group_by(["name", "persona_id"]).aggregate([])
    of_day = labels.group_by(["day", "name"]).aggregate([("cluster_id", "count")])
    most = pc.max(of_day["cluster_id_count"]).as_py() or 1
    return len(known) == pc.count_distinct(known["name"]).as_py() and most == 1
