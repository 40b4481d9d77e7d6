"""The asset `consent_records`: what accounts said on a day about the use of their data."""

import dagster as dg
import pyarrow.dataset as pads

from persona_assets.assets.consent_records.extract import ExtractedStatements, extract_statements
from persona_assets.common.checks import Check, build_accounting_check
from persona_assets.common.metadata import build_count_table, measuring_time_and_memory, provenance_table
from persona_assets.common.provenance import build_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.parquet_tables import WithSideTables
from persona_assets.partitions import list_window_days, parse_day
from persona_assets.settings import from_setting

_ADDS_UP = build_accounting_check(
    "consent_records",
    of="statement",
    advice="Some events are neither stored nor dropped for a reason: report this, it is a defect.",
)
_READABLE = Check(
    "consent_records",
    "every_declaration_can_be_read",
    "Declarations are too long, no JSON, or not as their lexicon says (problems in the metadata): what they do not say "
    "clearly does not count, and what the account said before stands.",
)
_RECORDED = Check(
    "consent_records",
    "the_events_have_declarations",
    "raw_events of this day was made by an earlier version, which kept no declarations and self-labels: refusals of "
    "this day are unknown. Materialize raw_events, then this again.",
)
_CHECKS = (_ADDS_UP, _READABLE, _RECORDED)


class ConsentRecordsConfig(SettingsConfig):
    """Run config of `consent_records`: the memory limit of its DuckDB queries."""

    memory_limit: str = from_setting("memory_limit")


def build_consent_records(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Build the asset `consent_records`: what accounts said on a day about the use of their data."""

    @dg.asset(
        group_name="persona_assets",
        kinds={"duckdb", "parquet"},
        tags={"stage": "days"},
        owners=["team:persona_assets"],
        partitions_def=days,
        check_specs=[check.spec(days) for check in _CHECKS],
    )
    def consent_records(
        context: dg.AssetExecutionContext, config: ConsentRecordsConfig, raw_events: pads.Dataset, scratch: Scratch
    ):
        """What accounts said on the day about the use of their data, and what happened to the accounts.

        One row is one statement: a purpose that a record allows or refuses, the self-labels of a profile, or the status
        of an account. A record that was deleted has a row too, as it takes back what it said. Of each record and
        account the last state of the day is kept. `deleted_posts` beside it lists the posts that their authors deleted.
        Next: `consents` puts all days together.
        """
        with measuring_time_and_memory(context.log.info) as cost:
            made = build_provenance(
                "consent_records",
                days=list_window_days(context.partition_key, days),
                settings=config.result_settings(),
                libraries=("duckdb",),
                inputs=[raw_events],
            )
            found = extract_statements(
                raw_events,
                memory_limit=config.memory_limit,
                scratch=scratch.new_folder(),
                day=parse_day(context.partition_key),
                provenance=made,
            )
        context.log.info("%d statements, %d deleted posts", found.states.total(), len(found.deleted_posts))
        return dg.MaterializeResult(
            value=WithSideTables(found.consent_records, {"deleted_posts": found.deleted_posts}),
            metadata={
                "events": build_count_table(found.events, of="kind"),
                "stored": build_count_table(found.states, of="kind"),
                "dropped": build_count_table(found.dropped, of="reason"),
                "problems": build_count_table(found.problems, of="problem"),
                "deleted_posts": len(found.deleted_posts),
                **provenance_table(made),
                **cost,
            },
            check_results=_check(found),
        )

    return consent_records


def _check(found: ExtractedStatements) -> list[dg.AssetCheckResult]:
    events, stored, dropped = found.events.total(), found.states.total(), found.dropped.total()
    return [
        _ADDS_UP.result(
            passed=events == stored + dropped and min(found.dropped.values(), default=1) > 0,
            events=events,
            stored=stored,
            dropped=dropped,
        ),
        _READABLE.result(passed=not found.problems, problems=found.problems.total()),
        _RECORDED.result(passed=found.has_declarations),
    ]
