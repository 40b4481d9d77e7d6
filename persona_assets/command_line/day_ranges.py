"""Run a range of days as one run per day, one after the other."""

import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn

import dagster as dg
from dagster import DagsterEvent
from dagster._core.definitions.assets.job.asset_layer import AssetLayer
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from persona_assets.command_line.failure_summary import FailureSummary
from persona_assets.common.interrupts import interrupting_on_signal
from persona_assets.errors import DayRangeRunError
from persona_assets.executors.delegate import wrap_executor

# Tag on the run of a day: the id of the run for the whole range.
RANGE_RUN_TAG = "persona_assets/range_run_id"


class DayRangeExecutor(dg.Executor):
    """Dagster executor that runs the steps of one day, or, for a range of days, starts one run per day in turn.

    Dagster itself would run one step for the whole range. That step would have one set of checks and counts for all
    days, and would record either all days as materialized or none.
    """

    def __init__(self, steps: dg.Executor, days: dg.DailyPartitionsDefinition, failures: FailureSummary) -> None:
        """Run steps by the executor `steps`, and add the errors of failed steps to `failures`."""
        self._steps = steps
        self._days = days
        self._failures = failures

    @property
    def retries(self) -> RetryMode:
        """Retry mode of the executor of the steps."""
        return self._steps.retries

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        """Dependency config of the executor of the steps."""
        return self._steps.step_dependency_config

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Run the steps and yield their events; or, for a range, start one run per day and yield nothing.

        Raises:
            DagsterExecutionInterruptedError: A day failed, or a signal arrived. Later days have not been started.
            DayRangeRunError: All days succeeded, but the assets without partitions failed.
        """
        tags = plan_context.dagster_run.tags
        if ASSET_PARTITION_RANGE_START_TAG in tags:
            day_range = dg.PartitionKeyRange(tags[ASSET_PARTITION_RANGE_START_TAG], tags[ASSET_PARTITION_RANGE_END_TAG])
            self._run_days(plan_context, self._days.get_partition_keys_in_range(day_range))
            return
        for event in self._steps.execute(plan_context, execution_plan):
            if event.is_step_failure:
                self._failures.add_if_package_error(event.step_failure_data.error)
            yield event

    def _run_days(self, context: PlanOrchestrationContext, days: Sequence[str]) -> None:
        layer = context.job.get_definition().asset_layer
        selected = sorted(context.dagster_run.asset_selection or layer.selected_asset_keys)
        # Dagster loses a signal that arrives after the last step of a day's run.
        stop = threading.Event()
        with interrupting_on_signal(stop.set, interrupt_errors=()):
            for group in group_by_partitioning(layer, selected):
                if group.is_daily:
                    _run_each_day(context, group.assets, days, stop)
                    continue
                names = ", ".join(key.to_user_string() for key in group.assets)
                if stop.is_set():
                    _cancel(context, f"interrupted: all {len(days)} days were made; {names} has not been begun")
                context.log.info("%s, over all days", names)
                if not _run(context, group.assets, {}):
                    raise DayRangeRunError(f"all {len(days)} days were made, and what follows them failed")


class AssetGroup(NamedTuple):
    """Assets that a run over a range of days makes together: once per day, or once for all days."""

    is_daily: bool
    assets: list[dg.AssetKey]


def group_by_partitioning(layer: AssetLayer, selected: Sequence[dg.AssetKey]) -> list[AssetGroup]:
    """Split assets into groups that are run one after the other: daily ones and those without partitions in turn.

    An asset is in the first group that follows those of its selected ancestors. Daily assets that are independent of
    assets without partitions are in the first one. Within a group the order is that of `selected`.
    """
    ancestors = {key: layer.asset_graph.get_ancestor_asset_keys(key) & set(selected) for key in selected}
    places: dict[dg.AssetKey, int] = {}
    for key in sorted(selected, key=lambda key: len(ancestors[key])):  # ancestors have fewer
        is_odd = layer.get(key).partitions_def is None
        last = max((places[ancestor] for ancestor in ancestors[key]), default=0)
        places[key] = last + (last % 2 != is_odd)
    return [
        AssetGroup(place % 2 == 0, [key for key in selected if places[key] == place])
        for place in sorted(set(places.values()))
    ]


def _run_each_day(
    context: PlanOrchestrationContext, assets: list[dg.AssetKey], days: Sequence[str], stop: threading.Event
) -> None:
    if not assets:
        return
    names = ", ".join(key.to_user_string() for key in assets)
    for number, day in enumerate(days):
        if stop.is_set():
            _cancel(context, f"interrupted: {number} of {len(days)} days were made{_say_left(days[number:])}")
        context.log.info("day %d of %d: %s (%s)", number + 1, len(days), day, names)
        if not _run(context, assets, {PARTITION_NAME_TAG: day}):
            ended = "was interrupted" if stop.is_set() else "failed"
            made = f"{number} of {len(days)} days were made before it"
            _cancel(context, f"{day} {ended}, {made}{_say_left(days[number + 1 :])}")


def _say_left(days: Sequence[str]) -> str:
    return f"; {days[0]} to {days[-1]} have not been begun" if days else ""


def _cancel(context: PlanOrchestrationContext, why: str) -> NoReturn:
    """End the run of the range as canceled, because Dagster takes all days of a failed run as failed.

    That would include days that were not started and days that were materialized earlier.
    """
    context.log.error(why)
    context.instance.report_run_canceling(context.dagster_run, message="Ending the run of the range.")
    raise DagsterExecutionInterruptedError from DayRangeRunError(why)


def _run(context: PlanOrchestrationContext, assets: list[dg.AssetKey], tags: dict[str, str]) -> bool:
    range_run = context.dagster_run
    with dg.execute_job(
        context.reconstructable_job,
        instance=context.instance,
        asset_selection=assets,
        run_config=range_run.run_config,
        tags={RANGE_RUN_TAG: range_run.run_id, **tags},
    ) as result:
        return result.success


def as_launch_executor(
    executor: dg.ExecutorDefinition, *, days: dg.DailyPartitionsDefinition, failures: FailureSummary
) -> dg.ExecutorDefinition:
    """Return the definition of a `DayRangeExecutor` that runs steps by `executor`, for commands such as `dg launch`."""
    return wrap_executor(executor, lambda create, context: DayRangeExecutor(create(context), days, failures))
