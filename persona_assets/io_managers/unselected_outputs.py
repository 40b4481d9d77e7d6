"""Store outputs of a multi-asset step that were not selected, which Dagster does not accept from the step."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from persona_assets.errors import UnselectedAssetCheckError


def yield_selected_and_store_others(
    context: dg.AssetExecutionContext, io_manager: dg.IOManager, results: Iterable[dg.MaterializeResult[Any]]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Yield the results of selected assets; store those of other assets, and log their materializations and checks.

    Assets that one pass over the data makes, such as events and rejected lines, stay consistent only if all are stored.
    The assets must have daily partitions, and the step must be subsettable.

    Raises:
        UnselectedAssetCheckError: An asset that was not selected failed a check of severity ERROR. For selected
            assets Dagster itself stops the run.
    """
    failed: list[str] = []
    for result in results:
        if result.asset_key is not None and dg.AssetKey.from_coercible(result.asset_key) in context.selected_asset_keys:
            yield result
        else:
            _store(context, io_manager, result)
            failed += [
                f"{check.check_name} of {result.asset_key}"
                for check in result.check_results or []
                if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
            ]
    if failed:
        raise UnselectedAssetCheckError(
            f"{', '.join(failed)} failed: see the log above, or the asset's checks in the UI"
        )


def _store(context: dg.AssetExecutionContext, io_manager: dg.IOManager, result: dg.MaterializeResult[Any]) -> None:
    if result.asset_key is None:
        raise TypeError("a MaterializeResult needs an asset_key here")
    key, day = dg.AssetKey.from_coercible(result.asset_key), context.partition_key
    output = dg.build_output_context(
        asset_key=key, partition_key=day, asset_partitions_def=context.assets_def.partitions_def
    )
    output.log.setLevel(logging.INFO)  # this context does not take the level of the instance
    io_manager.handle_output(output, result.value)
    metadata = {**(result.metadata or {}), **(output.consume_logged_metadata() or {})}
    # Dagster gives what it stores a data version. Without one, older downstream assets would count as fresh.
    tags = {DATA_VERSION_TAG: context.run.run_id}
    context.log_event(dg.AssetMaterialization(key, metadata=metadata, partition=day, tags=tags))
    for check in result.check_results or []:
        # `log_event` accepts an evaluation, but its annotation lacks the type.
        context.log_event(_to_evaluation(check, day))  # pyright: ignore[reportArgumentType]


def _to_evaluation(result: dg.AssetCheckResult, day: str) -> dg.AssetCheckEvaluation:
    if result.asset_key is None or result.check_name is None:
        raise TypeError("an AssetCheckResult needs an asset_key and a check_name here")
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        partition=day,
    )
