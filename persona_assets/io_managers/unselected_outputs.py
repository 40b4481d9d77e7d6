"""Store all that a step has made: what was not selected too, which Dagster refuses to take from it."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from persona_assets.errors import FailedCheckError


def yield_or_store(
    context: dg.AssetExecutionContext, io_manager: dg.IOManager, results: Iterable[dg.MaterializeResult[Any]]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Yield results whose assets were selected; store and report any other, as its own materialization and checks.

    Assets that come out of one pass over the data, such as events and rejected lines, are of the same data only if both
    are stored. It is for assets with a partition a day, in steps that can be subset.

    Raises:
        FailedCheckError: An asset that was not selected has failed a check that stops a run. Dagster stops it for those
            that were.
    """
    failed: list[str] = []
    for made in results:
        if made.asset_key is not None and dg.AssetKey.from_coercible(made.asset_key) in context.selected_asset_keys:
            yield made
        else:
            _store(context, io_manager, made)
            failed += [
                f"{result.check_name} of {made.asset_key}"
                for result in made.check_results or []
                if not result.passed and result.severity == dg.AssetCheckSeverity.ERROR
            ]
    if failed:
        raise FailedCheckError(f"{', '.join(failed)} failed: see the log above, or the asset's checks in the UI")


def _store(context: dg.AssetExecutionContext, io_manager: dg.IOManager, made: dg.MaterializeResult[Any]) -> None:
    if made.asset_key is None:
        raise TypeError("what was made names its asset")
    key, day = dg.AssetKey.from_coercible(made.asset_key), context.partition_key
    output = dg.build_output_context(
        asset_key=key, partition_key=day, asset_partitions_def=context.assets_def.partitions_def
    )
    output.log.setLevel(logging.INFO)  # not the instance's level, as the step's own has
    io_manager.handle_output(output, made.value)
    metadata = {**(made.metadata or {}), **(output.consume_logged_metadata() or {})}
    # Without a version, as Dagster gives what it stores, assets that were made from it before would count as fresh.
    tags = {DATA_VERSION_TAG: context.run.run_id}
    context.log_event(dg.AssetMaterialization(key, metadata=metadata, partition=day, tags=tags))
    for result in made.check_results or []:
        # Dagster takes it, but its type does not say so.
        context.log_event(_to_evaluation(result, day))  # pyright: ignore[reportArgumentType]


def _to_evaluation(result: dg.AssetCheckResult, day: str) -> dg.AssetCheckEvaluation:
    if result.asset_key is None or result.check_name is None:
        raise TypeError("a check names its asset and itself")
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        partition=day,
    )
