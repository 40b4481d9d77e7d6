"""A Dagster executor that runs each step of a run as a Slurm job.

It is built on `StepDelegatingExecutor` and `StepHandler`, as the executor of dagster-k8s is. Its process must be able
to call sbatch, squeue, scancel and scontrol. Compute nodes need the same Python environment, code, DAGSTER_HOME and
storage at the same paths.
"""

from collections.abc import Generator, Mapping
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.events import DagsterEvent
from dagster._core.execution.context.system import IStepContext, PlanOrchestrationContext
from dagster._core.execution.plan.objects import StepRetryData
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode, get_retries_config
from dagster._core.execution.tags import get_tag_concurrency_limits_config
from dagster._core.executor.init import InitExecutorContext
from dagster._core.executor.step_delegating import StepDelegatingExecutor
from dagster_shared.error import SerializableErrorInfo

from persona_assets.executors import slurm_commands as slurm
from persona_assets.executors.slurm_steps import SlurmStepHandler

# A step whose node is lost is tried again this often. A step that takes its nodes down with it is not tried for ever.
LOST_NODE_RETRIES = 3


class SlurmExecutor(StepDelegatingExecutor):
    """Runs the steps of a run as Slurm jobs, and logs why Slurm ended a job that was interrupted."""

    def __init__(self, steps: SlurmStepHandler, **options: Any) -> None:
        """Run steps by the handler `steps`; `options` are those of `StepDelegatingExecutor`."""
        super().__init__(steps, **options)
        self._steps = steps

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Generator[DagsterEvent, Any, None]:
        """Run the steps as Slurm jobs and yield their events; log why Slurm ended an interrupted job."""
        # Checked here, and not when the executor is created, so that a refusal is a failure event of the run.
        self._steps.require_allowed_config()
        for event in super().execute(plan_context, execution_plan):
            if _is_interrupted(event) and event.step_key:
                self._steps.log_interruption_cause(event.step_key)
            yield event

    def log_failure_or_retry_event_after_error(
        self, step_context: IStepContext, err_info: SerializableErrorInfo, known_state: KnownExecutionState
    ) -> DagsterEvent:
        """Log that a step without a result has failed, or that it is tried again: also if its node was lost."""
        tried = known_state.get_retry_state().get_attempt_count(step_context.step.key)
        if (
            self._steps.is_lost(step_context.step.key)
            and tried < LOST_NODE_RETRIES
            and not step_context.retry_mode.disabled
        ):
            return DagsterEvent.step_retry_event(step_context, StepRetryData(error=err_info))
        return super().log_failure_or_retry_event_after_error(step_context, err_info, known_state)


def _is_interrupted(event: DagsterEvent) -> bool:
    if event.event_type not in (DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY):
        return False
    error = getattr(event.event_specific_data, "error", None)
    return any("Interrupted" in str(cause.cls_name) for cause in (error, error and error.cause) if cause)


def slurm_executor(  # noqa: PLR0913 - each is a setting
    *,
    default_options: Mapping[str, str],
    gpu_options: Mapping[str, str],
    log_dir: str | None = None,
    max_concurrent: int | None = None,
    shell_from_launchpad: bool = False,
    umask: str = "077",
) -> dg.ExecutorDefinition:
    """Return the Slurm executor's definition; the arguments are defaults of its run config.

    Args:
        default_options: Options of every step, by their names in `slurm_commands.OPTIONS`.
        gpu_options: Options of steps with the op tag `gpu: "N"`, which override `default_options`.
        log_dir: Folder of the job logs, on storage that every node can access; None for a folder in Dagster's storage.
        max_concurrent: Maximum number of jobs of one run at a time; None for no limit.
        shell_from_launchpad: Whether a run's config may set `setup` and `extra`, which are executed as shell code.
        umask: Octal umask of the jobs and of their logs. A run's config cannot override it.
    """
    options = dg.Shape({option: dg.Field(str, is_required=False) for option in slurm.OPTIONS})
    schema = {
        "default": dg.Field(options, default_value=dict(default_options), description="Options of every step"),
        "gpu": dg.Field(options, default_value=dict(gpu_options), description='More, for steps with op tag gpu: "N"'),
        "per_step": dg.Field(dg.Map(str, options, key_label_name="op_name"), default_value={}),
        "log_dir": dg.Field(dg.Noneable(str), default_value=log_dir, description="Must be on shared storage"),
        "submit_timeout": dg.Field(int, default_value=600, description="Seconds to wait for an answer to sbatch"),
        "check_step_health_interval_seconds": dg.Field(int, default_value=10),
        "max_concurrent": dg.Field(dg.Noneable(int), default_value=max_concurrent),
        "tag_concurrency_limits": get_tag_concurrency_limits_config(),
        "retries": get_retries_config(),
    }

    @dg.executor(name="slurm", requirements=multiple_process_executor_requirements(), config_schema=schema)
    def slurm_executor(init_context: InitExecutorContext) -> SlurmExecutor:
        config: Mapping[str, Any] = init_context.executor_config
        return SlurmExecutor(
            SlurmStepHandler(config, umask=umask, allowed_shell=None if shell_from_launchpad else default_options),
            retries=RetryMode.from_config(config["retries"]) or RetryMode.ENABLED,
            check_step_health_interval_seconds=config["check_step_health_interval_seconds"],
            max_concurrent=config["max_concurrent"],
            tag_concurrency_limits=config.get("tag_concurrency_limits"),
            should_verify_step=True,
        )

    return slurm_executor
