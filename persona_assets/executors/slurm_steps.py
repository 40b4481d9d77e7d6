"""Submit, watch and cancel the Slurm jobs of a run's steps, as Dagster's `StepHandler`."""

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

STEP_ENDED = {
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_UP_FOR_RETRY,
    DagsterEventType.RESOURCE_INIT_FAILURE,
}
GRACE_SECONDS = 30  # for the result of a job that ended well to become visible through a slow file system
QUEUE_SECONDS = 2.0  # one squeue serves a whole round of health checks


class Attempt(NamedTuple):
    """One try at one step."""

    step_key: str
    job_name: str
    log: Path
    context: IStepContext


class Submission(NamedTuple):
    """A job that Slurm has not yet taken."""

    since: float
    command: list[str]
    script: str


def job_name(run_id: str, step_key: str, attempt: int) -> str:
    """Return a job's name: the same each time it is asked for, so that a resumed run finds its jobs again."""
    digest = hashlib.sha256(f"{run_id}\0{step_key}\0{attempt}".encode()).hexdigest()[:10]
    return f"dg-{run_id[:8]}-{re.sub(r'[^A-Za-z0-9_.-]+', '_', step_key)[:60]}-{attempt}-{digest}"


class SlurmStepHandler(StepHandler):
    """Submit, watch and cancel the jobs of one run."""

    def __init__(self, config: Mapping[str, Any], *, umask: str, shell: Mapping[str, str] | None) -> None:
        """Take the executor's config, what logs and results deny to others, and the options whose shell may run.

        With `shell` None, that of any config may.
        """
        super().__init__()
        self._config = config
        self._umask = umask
        self._shell = shell
        self._waiting: dict[str, Submission] = {}
        self._refused: dict[str, str] = {}
        self._ended_at: dict[str, float] = {}  # when a job was first seen ended without a result
        self._latest: dict[str, Attempt] = {}
        self._queue: tuple[float, dict[str, list[slurm.SlurmJob]]] = (0.0, {})

    @property
    def name(self) -> str:
        """Return what Dagster calls this in its events."""
        return "SlurmStepHandler"

    def require_allowed(self) -> None:
        """Refuse a config that has a shell run what it may not; raises `SettingsError`."""
        if self._shell is not None:
            slurm.refuse_shell(self._config, allowed=self._shell)

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Submit the step's job, or adopt the one that an earlier process of this run submitted.

        Slurm's refusals are kept for `check_step_health`: raised here they would end the run, not the step.
        """
        attempt = self._attempt(step_handler_context)
        if alive := self._alive(attempt.job_name):
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
            self._submit(attempt.job_name, Submission(time.time(), command, script))
        if attempt.job_name in self._waiting:
            said = "Slurm does not answer; will submit again."
            yield DagsterEvent.engine_event(attempt.context, said, EngineEventData())

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Say whether the step's job is alive, or ended and said so itself; no news is no bad news."""
        attempt = self._attempt(step_handler_context)
        if why := self._refused.get(attempt.job_name):
            return CheckStepHealthResult.unhealthy(f"sbatch failed: {why}{slurm.hint_for(why)}")
        try:
            jobs = self._jobs().get(attempt.job_name, [])
        except SlurmError:
            return CheckStepHealthResult.healthy()
        if attempt.job_name in self._waiting:
            return self._submit_again(attempt.job_name, accepted=bool(jobs))
        job = jobs[-1] if jobs else None
        # What the step itself told Dagster is what counts, even if its process crashed afterwards.
        if (job and job.state not in slurm.ENDED) or _has_reported(step_handler_context, attempt.step_key):
            return CheckStepHealthResult.healthy()
        return self._explain_end(attempt, job)

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Cancel the step's job."""
        attempt = self._attempt(step_handler_context)
        self._waiting.pop(attempt.job_name, None)
        said = f"Could not cancel the Slurm job, do: scancel --name={attempt.job_name}"
        for _ in range(3):
            self._queue = (0.0, {})
            try:
                jobs = self._jobs().get(attempt.job_name, [])
                numbers = [str(job.id) for job in jobs if job.state not in slurm.ENDED]
                if numbers:
                    slurm.run_slurm(["scancel", *numbers])
            except SlurmError:
                continue
            said = f"Cancelled Slurm job {', '.join(numbers)}." if numbers else "No Slurm job was left to cancel."
            break
        yield DagsterEvent.engine_event(attempt.context, said, EngineEventData())

    def explain_interruption(self, step_key: str) -> None:
        """Log why Slurm ended a job: on scancel and time limit the step itself tells of an interrupt only."""
        if attempt := self._latest.get(step_key):
            log = slurm.end_of_log(attempt.log, lines=500)
            said = " ".join(line for line in log.splitlines() if line.startswith("slurmstepd"))
            text = f"Slurm ended job {attempt.job_name}: {said or 'its log does not say why'}.{slurm.hint_for(said)}"
            DagsterEvent.engine_event(attempt.context, text, EngineEventData())

    def _attempt(self, context: StepHandlerContext) -> Attempt:
        args = context.execute_step_args
        (step_key,) = args.step_keys_to_execute or [""]
        number = args.known_state.get_retry_state().get_attempt_count(step_key) if args.known_state else 0
        name = job_name(args.run_id, step_key, number)
        base = Path(self._config["log_dir"] or Path(context.instance.storage_directory()) / "slurm")
        attempt = Attempt(step_key, name, base / args.run_id / f"{name}.log", context.get_step_context(step_key))
        self._latest[step_key] = attempt
        return attempt

    def _prepare(self, context: StepHandlerContext, attempt: Attempt) -> tuple[list[str], str]:
        """Return sbatch's command and the job's script; what is wrong with them is kept as a refusal."""
        comment = f"dagster run {context.dagster_run.run_id} step {attempt.step_key}"
        try:
            options = slurm.choose_options(
                context.step_tags[attempt.step_key],
                default=self._config["default"],
                gpu=self._config["gpu"],
                step=self._config["per_step"].get(attempt.context.step.op_name, {}),
            )
            command = slurm.sbatch_command(options, name=attempt.job_name, log=attempt.log, comment=comment)
            shown = ~int(self._umask, 8)
            attempt.log.parent.mkdir(0o777 & shown, parents=True, exist_ok=True)
            attempt.log.touch(0o666 & shown)  # Slurm would make it as its own umask says, and appends to what is there
            slurm.exit_code_file(attempt.log).unlink(missing_ok=True)
            step, setup = _step_command(context, attempt), options.get(slurm.SETUP, "")
            return command, slurm.job_script(*step, setup=setup, log=attempt.log, umask=self._umask)
        except (SlurmError, ValueError, OSError) as error:
            self._refused[attempt.job_name] = str(error)
            return ["sbatch"], ""

    def _submit(self, name: str, submission: Submission) -> None:
        self._queue = (0.0, {})  # the next health check must look again
        try:
            slurm.run_slurm(submission.command, script=submission.script)
        except SlurmUnavailableError:  # it may have been taken all the same: look before trying again
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

    def _explain_end(self, attempt: Attempt, job: slurm.SlurmJob | None) -> CheckStepHealthResult:
        """Say how a job ended that left no result, once there has been time for a result to become visible."""
        exit_file = slurm.exit_code_file(attempt.log)
        code = exit_file.read_text(encoding="utf-8").strip() if exit_file.exists() else None
        ended_well = job.state == "COMPLETED" if job else code == "0"
        since = self._ended_at.setdefault(attempt.job_name, time.time())
        if ended_well and time.time() - since < GRACE_SECONDS:
            return CheckStepHealthResult.healthy()
        if job:
            what = f"Slurm job {job.id} ({job.name}) ended as {slurm.describe_job(job)} without a result for Dagster"
        else:
            what = f"Slurm no longer knows job {attempt.job_name} (its exit code on file: {code})"
        end = slurm.end_of_log(attempt.log)
        return CheckStepHealthResult.unhealthy(f"{what}.{slurm.hint_for(what + end)}\nEnd of {attempt.log}:\n{end}")

    def _alive(self, name: str) -> list[slurm.SlurmJob]:
        try:
            return [job for job in self._jobs().get(name, []) if job.state not in slurm.ENDED]
        except SlurmError:
            return []

    def _jobs(self) -> dict[str, list[slurm.SlurmJob]]:
        if time.time() - self._queue[0] > QUEUE_SECONDS:
            self._queue = (time.time(), slurm.list_jobs())
        return self._queue[1]


def _step_command(context: StepHandlerContext, attempt: Attempt) -> tuple[list[str], dict[str, str]]:
    """Return the command that executes the step, and the variables that it needs."""
    args = context.execute_step_args
    variables = {variable["name"]: variable["value"] for variable in args.get_command_env()}
    variables |= {"DAGSTER_RUN_STEP_KEY": attempt.step_key, "DAGSTER_RUN_JOB_NAME": context.dagster_run.job_name}
    command = list(args.get_command_args(skip_serialized_namedtuple=True))
    if command[0] == "dagster":  # of a CLI run; whose dagster that is would depend on PATH
        command[:1] = [sys.executable, "-m", "dagster"]
    return command, variables


def _has_reported(context: StepHandlerContext, step_key: str) -> bool:
    """Say whether the latest attempt has told Dagster how it ended."""
    kinds = STEP_ENDED | {DagsterEventType.STEP_WORKER_STARTING}
    records = context.instance.all_logs(context.dagster_run.run_id, of_type=kinds)
    events = [entry.dagster_event for entry in records if entry.dagster_event]
    own = [event.event_type for event in events if event.step_key == step_key]
    return bool(own) and own[-1] in STEP_ENDED
