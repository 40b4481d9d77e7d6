"""The asset `consents`: what each account allows, from the statements of all days."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from upath import UPath

from persona_assets.assets.consents.compacted_file import FILE_NAME, SplitDays, compact_days, split_days
from persona_assets.assets.consents.day_files import DayFile, list_days, open_verified_days
from persona_assets.assets.consents.stale_days import find_stale_days
from persona_assets.assets.consents.stale_posts import count_deleted_posts
from persona_assets.assets.consents.stale_table import StaleTable, list_stale
from persona_assets.assets.consents.summary import (
    POLICY_COLUMNS,
    count_left_out,
    count_purposes,
    count_statuses,
)
from persona_assets.common.checks import Check
from persona_assets.common.consent_settings import split_entities
from persona_assets.common.database import QueryOptions
from persona_assets.common.metadata import build_count_table, measuring_time_and_memory, provenance_table
from persona_assets.common.provenance import Provenance, build_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.consent.purposes import PURPOSES_OF
from persona_assets.consent.resolve import ResolvedConsents, resolve_statements
from persona_assets.io_managers.atomic_storage import move_local_file, replacing_file
from persona_assets.io_managers.parquet_tables import DatasetWithSideTables, metadata_to_load_all_stored_days
from persona_assets.settings import Settings, from_setting, read_settings

# Maximum number of rows of a table in the UI.
MAX_ROWS_SHOWN = 200
# Dagster would take every day of every asset downstream for stale if the version changed with the content, and it does
# so daily. The check `stored_days_leave_out_who_refuses` names the days that are.
_DATA_VERSION = dg.DataVersion("consents")

_EVERY_DAY = Check(
    "consents",
    "every_stored_day_has_consent_records",
    "Days have raw_events and no consent_records (missing_days in the metadata): refusals of these days are unknown. "
    "Materialize consent_records of these days, then this again.",
)
_HONOURED = Check(
    "consents",
    "stored_days_leave_out_who_refuses",
    "Stored days hold accounts that refuse, or too many that are gone, or too many deleted posts, because they were "
    "made before that was known (stale_days in the metadata): make these days again, and look for copies that were "
    "given away.",
)


class ConsentsConfig(SettingsConfig):
    """Run config of `consents`: the DIDs and domains that count as "us" in statements, and the memory limit."""

    consent_entity: str | None = from_setting("consent_entity")
    memory_limit: str = from_setting("memory_limit")


def build_consents() -> dg.AssetsDefinition:
    """Build the asset `consents`: what each account allows, from `consent_records` of all stored days."""

    @dg.asset(
        group_name="persona_assets",
        kinds={"duckdb", "parquet"},
        tags={"stage": "consents"},
        owners=["team:persona_assets"],
        ins={"consent_records": dg.AssetIn(metadata=metadata_to_load_all_stored_days())},
        check_specs=[_EVERY_DAY.spec(), _HONOURED.spec()],
    )
    def consents(
        context: dg.AssetExecutionContext,
        config: ConsentsConfig,
        consent_records: DatasetWithSideTables,
        scratch: Scratch,
        io_manager: dg.ResourceParam[dg.IOManager],
    ):
        """What accounts allow their data to be used for, and their status, from the statements of all stored days.

        One row is one account that has said something other than that it is active: whether it allows each purpose
        (empty: it does not say), with the record that says so, its self-labels, and its status. Accounts without a row
        have refused nothing. The order of days does not matter. `left_out` counts the accounts that each output leaves
        out; `stale_days` lists the stored days that were made before a refusal or deletion was known.
        """
        opened = consent_records.main
        days = _list_days(opened)
        with measuring_time_and_memory(context.log.info) as cost:
            resolved, made, split = _resolve(opened, days, config, scratch.new_folder())
            if split.are_many_new:
                _compact(split, config, scratch.new_folder())
            read = pq.read_table(resolved.consents, columns=list(POLICY_COLUMNS))
            stale = _find_stale(read, opened, config, scratch.new_folder())
            description = _describe(resolved, split.statements, read, stale)
        missing = sorted(list_days(opened.filesystem, f"{_find_data(opened)}/raw_events").keys() - days.keys())
        yield dg.MaterializeResult(
            value=resolved.consents,
            data_version=_DATA_VERSION,
            metadata={"days": len(days), **description, **provenance_table(made), **cost},
            check_results=[
                _EVERY_DAY.result(passed=not missing, missing_days=", ".join(missing) or "none"),
                _HONOURED.result(
                    passed=not stale.failing,
                    stale_days=stale.name_failing_days(),
                    largest_deleted_share=round(stale.largest_share, 4),
                ),
            ],
        )
        # Dagster has stored the table when it comes back here. A run of another day may have stored that day since
        # this one listed them, and its own table before this one: what is stored last must be made of all days.
        while (now := _list_days(opened)) != days:
            days = now
            context.log.info("%d days are stored by now: resolving again", len(days))
            resolved, *_ = _resolve(opened, days, config, scratch.new_folder())
            io_manager.handle_output(dg.build_output_context(asset_key=context.asset_key), resolved.consents)

    return consents


def _find_data(dataset: pads.FileSystemDataset) -> str:
    """Return the folder that has a folder for each asset."""
    return str(PurePosixPath(dataset.files[0]).parent.parent)


def _list_days(consent_records: pads.FileSystemDataset) -> Mapping[str, DayFile]:
    return list_days(consent_records.filesystem, str(PurePosixPath(consent_records.files[0]).parent))


def _resolve(
    opened: pads.FileSystemDataset, days: Mapping[str, DayFile], config: ConsentsConfig, scratch: Path
) -> tuple[ResolvedConsents, Provenance, SplitDays]:
    dataset = open_verified_days(opened, days.values(), verified=opened.files)
    made = build_provenance(
        "consents", days=list(days), settings=config.result_settings(), libraries=["duckdb"], inputs=[dataset]
    )
    split = split_days(dataset, days, f"{_find_data(opened)}/{FILE_NAME}")
    resolved = resolve_statements(
        split.new,
        compacted=split.compacted,
        entities=split_entities(config.consent_entity),
        memory_limit=config.memory_limit,
        scratch=scratch,
        provenance=made,
    )
    return resolved, made, split


def _compact(split: SplitDays, config: ConsentsConfig, scratch: Path) -> None:
    compacted = compact_days(split, memory_limit=config.memory_limit, scratch=scratch)
    with replacing_file(UPath(read_settings().data).absolute() / FILE_NAME) as temporary:
        move_local_file(compacted, temporary)


def _find_stale(read: pa.Table, opened: pads.FileSystemDataset, config: ConsentsConfig, scratch: Path) -> StaleTable:
    settings = read_settings()
    is_dropped = settings.deletions == "drop"
    filesystem, data = opened.filesystem, _find_data(opened)
    options = QueryOptions(memory_limit=config.memory_limit, scratch=scratch)
    days = find_stale_days(
        read,
        settings.undefined_consent(),
        filesystem=filesystem,
        data=data,
        with_accounts=is_dropped,
        **options,
    )
    posts = count_deleted_posts(filesystem=filesystem, data=data, **options) if is_dropped else ()
    return list_stale(days, posts, max_deleted_share=settings.max_deleted_share)


def _describe(resolved: ResolvedConsents, statements: int, read: pa.Table, stale: StaleTable) -> dict[str, Any]:
    """Return the metadata of the materialization."""
    purposes = count_purposes(read)
    return {
        "purposes": _table([count._asdict() for count in purposes], {"purpose": "string"}),
        "accounts": build_count_table(count_statuses(read), of="status"),
        "kinds": build_count_table(resolved.states, of="kind"),
        "withdrawn": resolved.withdrawn,
        "not_binding": build_count_table(resolved.not_binding, of="statement"),
        "neutral": statements - resolved.said,
        "left_out": _table(_list_left_out(read, read_settings()), {"output": "string", "reason": "string"}),
        "stale_days": _table(
            [row._asdict() for row in stale.rows], {"asset": "string", "day": "string", "reason": "string"}
        ),
    }


def _list_left_out(consents: pa.Table, settings: Settings) -> list[dict[str, Any]]:
    return [
        {"output": output, "reason": reason, "accounts": accounts}
        for output, purposes in PURPOSES_OF.items()
        for reason, accounts in sorted(
            count_left_out(consents, purposes, settings.undefined_consent(release=output == "release")).items()
        )
    ]


def _table(rows: Sequence[Mapping[str, Any]], texts: Mapping[str, str]) -> dg.TableMetadataValue:
    """Return rows as a table for the UI; columns that are not in `texts` are numbers."""
    names = list(rows[0]) if rows else [*texts, "accounts"]
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(row)) for row in rows[:MAX_ROWS_SHOWN]],
        schema=dg.TableSchema([dg.TableColumn(name, texts.get(name, "int")) for name in names]),
    )
