"""A graph for `dagster asset materialize -f`: a daily asset, of which one day can fail, and one without partitions."""

import os

import dagster as dg

from persona_assets.command_line.day_ranges import as_launch_executor
from persona_assets.command_line.failure_summary import print_failures_at_exit
from persona_assets.errors import CaptureFilesError

days = dg.DailyPartitionsDefinition("2025-03-01", end_date="2025-03-06", timezone="UTC")


@dg.asset(
    partitions_def=days,
    check_specs=[dg.AssetCheckSpec("is_even", asset="counted")],
)
def counted(context: dg.AssetExecutionContext):
    if context.partition_key == os.environ.get("FAILS_ON"):
        raise CaptureFilesError(f"no file for {context.partition_key}: look for it")
    number = int(context.partition_key[-2:])
    return dg.MaterializeResult(
        metadata={"rows": number},
        check_results=[dg.AssetCheckResult(passed=number % 2 == 0, severity=dg.AssetCheckSeverity.WARN)],
    )


@dg.asset(deps=[counted])
def summed() -> None: ...


at_once = [asset.with_attributes(backfill_policy=dg.BackfillPolicy.single_run()) for asset in (counted, summed)]
defs = dg.Definitions(
    at_once, executor=as_launch_executor(dg.in_process_executor, days=days, failures=print_failures_at_exit())
)
