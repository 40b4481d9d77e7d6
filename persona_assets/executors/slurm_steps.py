"""Submit, check and cancel the Slurm jobs of a run's steps: Dagster's `StepHandler` for Slurm."""

import hashlib
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from dagster import DagsterEventType
from dagster._core.events import DagsterEvent, EngineEventData
from dagster._core.execution.context.system import IStepContext
from dagster._core.executor.step_delegating import CheckStepHealthResult, StepHandler
from dagster._core.executor.step_delegating.step_handler.base import StepHandlerContext

from persona_assets.executors import slurm_commands as slurm
from persona_assets.executors.slurm_commands import SlurmError, SlurmUnavailableError

STEP_END_EVENTS = {
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_UP_FOR_RETRY,
    DagsterEventType.RESOURCE_INIT_FAILURE,
}
GRACE_SECONDS = 30  # a slow file system may delay the result of a job that succeeded
SQUEUE_CACHE_SECONDS = 2.0  # one call of squeue serves a round of health checks


class StepAttempt(NamedTuple):
    """One attempt at a step: step key, Slurm job name, path of the log, and Dagster's step context."""

    step_key: str
    job_name: str
    log: Path
    context: IStepContext


class PendingSubmission(NamedTuple):
    """A job whose submission Slurm has not confirmed, and the time of the first try in seconds of the Unix epoch."""

    since: float
    command: list[str]
    script: str


def build_job_name(run_id: str, step_key: str, attempt: int) -> str:
    """Return the Slurm job name of a step attempt; it is deterministic, so a resumed run finds its jobs again."""
    digest = hashlib.sha256(f"{run_id}\0{step_key}\0{attempt}".encode()).hexdigest()[:10]
    return f"dg-{run_id[:8]}-{re.sub(r'[^A-Za-z0-9_.-]+', '_', step_key)[:60]}-{attempt}-{digest}"


class SlurmStepHandler(StepHandler):
    """Submits, checks and cancels the Slurm jobs of one run."""

    def __init__(self, config: Mapping[str, Any], *, umask: str, allowed_shell: Mapping[str, str] | None) -> None:
        """Start with no jobs.

        Args:
            config: Config of the executor in this run.
            umask: Octal umask of the jobs and of their logs.
            allowed_shell: Options in the settings: the config must not set other shell code. None allows any.
        """
        super().__init__()
        self._config = config
        self._umask = umask
        self._allowed_shell = allowed_shell
        self._waiting: dict[str, PendingSubmission] = {}
        self._refused: dict[str, str] = {}
        self._ended_at: dict[str, float] = {}  # time at which a job without a result was first found ended
        self._latest: dict[str, StepAttempt] = {}
        self._lost: set[str] = set()  # names of jobs that were lost with their node
        self._queue: tuple[float, dict[str, list[slurm.SlurmJob]]] = (0.0, {})

    @property
    def name(self) -> str:
        """Name of the handler in Dagster's events."""
        return "SlurmStepHandler"

    def require_allowed_config(self) -> None:
        """Raise `SettingsError` if the config sets shell code that is not allowed."""
        if self._allowed_shell is not None:
            slurm.refuse_shell_code(self._config, allowed=self._allowed_shell)

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Submit the step as a Slurm job, unless an earlier process of this run already submitted it.

        `check_step_health` reports errors of sbatch. An exception here would end the run instead of the step.
        """
        attempt = self._attempt(step_handler_context)
        if alive := self._list_alive(attempt.job_name):
            yield DagsterEvent.engine_event(attempt.context, f"Adopted {alive[-1]}.", EngineEventData())
            return
        command, script = self._prepare(step_handler_context, attempt)
        yield DagsterEvent.step_worker_starting(
            attempt.context,
            message=f'Executing step "{attempt.step_key}" in Slurm job {attempt.job_name}.',
            metadata={
                "Slurm job": dg.MetadataValue.text(attempt.job_name),
                "Slurm log": dg.MetadataValue.path(str(attempt.log)),
                "sbatch": dg.MetadataValue.text(" ".join(command)),
            },
        )
        if attempt.job_name not in self._refused:
            self._submit(attempt.job_name, PendingSubmission(time.time(), command, script))
        if attempt.job_name in self._waiting:
            message = "Slurm does not answer; will submit again."
            yield DagsterEvent.engine_event(attempt.context, message, EngineEventData())

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Return unhealthy if the job was refused or ended without a result; healthy if Slurm does not answer."""
        attempt = self._attempt(step_handler_context)
        if why := self._refused.get(attempt.job_name):
            return CheckStepHealthResult.unhealthy(f"sbatch failed: {why}{slurm.find_hint_for_error(why)}")
        try:
            jobs = self._jobs().get(attempt.job_name, [])
        except SlurmError:
            return CheckStepHealthResult.healthy()
        if attempt.job_name in self._waiting:
            return self._submit_again(attempt.job_name, accepted=bool(jobs))
        job = jobs[-1] if jobs else None
        # The result that the step reported to Dagster counts, even if its process crashed afterwards.
        if (job and job.state not in slurm.ENDED_STATES) or _has_reported(step_handler_context, attempt.step_key):
            return CheckStepHealthResult.healthy()
        return self._explain_end(attempt, job)

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Cancel the Slurm job of the step by `scancel`, and yield an event about it."""
        attempt = self._attempt(step_handler_context)
        self._waiting.pop(attempt.job_name, None)
        message = f"Could not cancel the Slurm job, do: scancel --name={attempt.job_name}"
        for _ in range(3):
            self._queue = (0.0, {})
            try:
                jobs = self._jobs().get(attempt.job_name, [])
                numbers = [str(job.id) for job in jobs if job.state not in slurm.ENDED_STATES]
                if numbers:
                    slurm.run_slurm(["scancel", *numbers])
            except SlurmError:
                continue
            message = f"Cancelled Slurm job {', '.join(numbers)}." if numbers else "No Slurm job was left to cancel."
            break
        yield DagsterEvent.engine_event(attempt.context, message, EngineEventData())

    def log_interruption_cause(self, step_key: str) -> None:
        """Log the state and reason with which Slurm ended the job of an interrupted step, such as a time limit."""
        if attempt := self._latest.get(step_key):
            log = slurm.tail_log(attempt.log, lines=500)
            reason = " ".join(line for line in log.splitlines() if line.startswith("slurmstepd"))
            shown = reason or "its log does not say why"
            text = f"Slurm ended job {attempt.job_name}: {shown}.{slurm.find_hint_for_error(reason)}"
            DagsterEvent.engine_event(attempt.context, text, EngineEventData())

    def is_lost(self, step_key: str) -> bool:
        """Return whether the latest job of the step was lost with its node, or had to give it to another job."""
        attempt = self._latest.get(step_key)
        return attempt is not None and attempt.job_name in self._lost

    def _attempt(self, context: StepHandlerContext) -> StepAttempt:
        args = context.execute_step_args
        (step_key,) = args.step_keys_to_execute or [""]
        number = args.known_state.get_retry_state().get_attempt_count(step_key) if args.known_state else 0
        name = build_job_name(args.run_id, step_key, number)
        base = Path(self._config["log_dir"] or Path(context.instance.storage_directory()) / "slurm")
        attempt = StepAttempt(step_key, name, base / args.run_id / f"{name}.log", context.get_step_context(step_key))
        self._latest[step_key] = attempt
        return attempt

    def _prepare(self, context: StepHandlerContext, attempt: StepAttempt) -> tuple[list[str], str]:
        """Return the sbatch command and the script of the job. An error is recorded for `check_step_health`."""
        comment = f"dagster run {context.dagster_run.run_id} step {attempt.step_key}"
        try:
            options = slurm.merge_options(
                context.step_tags[attempt.step_key],
                default_options=self._config["default"],
                gpu_options=self._config["gpu"],
                step_options=self._config["per_step"].get(attempt.context.step.op_name, {}),
            )
            command = slurm.build_sbatch_command(options, name=attempt.job_name, log=attempt.log, comment=comment)
            mode_mask = ~int(self._umask, 8)
            attempt.log.parent.mkdir(0o777 & mode_mask, parents=True, exist_ok=True)
            # Slurm would create the log with its own umask. It appends to an existing file.
            attempt.log.touch(0o666 & mode_mask)
            slurm.exit_code_path(attempt.log).unlink(missing_ok=True)
            step, setup = _step_command(context, attempt), options.get(slurm.SETUP_OPTION, "")
            return command, slurm.build_job_script(*step, setup=setup, log=attempt.log, umask=self._umask)
        except (SlurmError, ValueError, OSError) as error:
            self._refused[attempt.job_name] = str(error)
            return ["sbatch"], ""

    def _submit(self, name: str, submission: PendingSubmission) -> None:
        self._queue = (0.0, {})  # the next health check must call squeue again
        try:
            slurm.run_slurm(submission.command, script=submission.script)
        except SlurmUnavailableError:  # it may have been submitted all the same: check before trying again
            self._waiting[name] = submission
        except SlurmError as error:
            self._refused[name] = str(error)

    def _submit_again(self, name: str, *, accepted: bool) -> CheckStepHealthResult:
        submission = self._waiting.pop(name)
        limit = self._config["submit_timeout"]
        if not accepted and time.time() - submission.since > limit:
            return CheckStepHealthResult.unhealthy(f"no answer to sbatch for {limit} s: is slurmctld running?")
        if not accepted:
            self._submit(name, submission)
        return CheckStepHealthResult.healthy()

    def _explain_end(self, attempt: StepAttempt, job: slurm.SlurmJob | None) -> CheckStepHealthResult:
        """Return unhealthy with the end of the log for a job that ended without a result, after `GRACE_SECONDS`."""
        exit_file = slurm.exit_code_path(attempt.log)
        code = exit_file.read_text(encoding="utf-8").strip() if exit_file.exists() else None
        ended_well = job.state == "COMPLETED" if job else code == "0"
        since = self._ended_at.setdefault(attempt.job_name, time.time())
        if ended_well and time.time() - since < GRACE_SECONDS:
            return CheckStepHealthResult.healthy()
        if job and job.state in slurm.LOST_STATES:
            self._lost.add(attempt.job_name)
        if job:
            what = f"Slurm job {job.id} ({job.name}) ended as {slurm.describe_job(job)} without a result for Dagster"
        else:
            what = f"Slurm no longer knows job {attempt.job_name} (its exit code on file: {code})"
        end = slurm.tail_log(attempt.log)
        return CheckStepHealthResult.unhealthy(
            f"{what}.{slurm.find_hint_for_error(what + end)}\nEnd of {attempt.log}:\n{end}"
        )

    def _list_alive(self, name: str) -> list[slurm.SlurmJob]:
        try:
            return [job for job in self._jobs().get(name, []) if job.state not in slurm.ENDED_STATES]
        except SlurmError:
            return []

    def _jobs(self) -> dict[str, list[slurm.SlurmJob]]:
        if time.time() - self._queue[0] > SQUEUE_CACHE_SECONDS:
            self._queue = (time.time(), slurm.list_own_jobs())
        return self._queue[1]


def _step_command(context: StepHandlerContext, attempt: StepAttempt) -> tuple[list[str], dict[str, str]]:
    """Return the command that executes the step, and its environment variables."""
    args = context.execute_step_args
    variables = {variable["name"]: variable["value"] for variable in args.get_command_env()}
    variables |= {"DAGSTER_RUN_STEP_KEY": attempt.step_key, "DAGSTER_RUN_JOB_NAME": context.dagster_run.job_name}
    command = list(args.get_command_args(skip_serialized_namedtuple=True))
    if command[0] == "dagster":  # in a run of the CLI; which `dagster` that is would depend on PATH
        command[:1] = [sys.executable, "-m", "dagster"]
    return command, variables


def _has_reported(context: StepHandlerContext, step_key: str) -> bool:
    """Return whether the latest attempt has reported its end to Dagster."""
    kinds = STEP_END_EVENTS | {DagsterEventType.STEP_WORKER_STARTING}
    records = context.instance.all_logs(context.dagster_run.run_id, of_type=kinds)
    events = [entry.dagster_event for entry in records if entry.dagster_event]
    own = [event.event_type for event in events if event.step_key == step_key]
    return bool(own) and own[-1] in STEP_END_EVENTS
