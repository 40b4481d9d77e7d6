"""Call Slurm's commands and parse their output, without Dagster.

Slurm's accounting database is not needed. `squeue` and `scontrol` know a job for `MinJobAge` seconds after its end (300
by default), and the script of the job writes its exit code to a file.
"""

import os
import re
import shlex
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from persona_assets.common.cpu_count import THREAD_VARIABLES
from persona_assets.errors import PersonaAssetsError, SettingsError

# The sbatch flag for each option of the executor. An op tag "slurm/<option>" sets the option for one step.
FLAG_BY_OPTION = {
    "partition": "--partition",
    "gres": "--gres",
    "time": "--time",
    "mem": "--mem",
    "cpus": "--cpus-per-task",
    "account": "--account",
    "qos": "--qos",
    "constraint": "--constraint",
    "reservation": "--reservation",
    "exclude": "--exclude",
}
EXTRA_OPTION = "extra"  # further sbatch flags, quoted as in a shell
SETUP_OPTION = "setup"  # shell lines that run before the step
OPTIONS = (*FLAG_BY_OPTION, EXTRA_OPTION, SETUP_OPTION)
# Options whose values are executed as shell code on the cluster.
SHELL_OPTIONS = (EXTRA_OPTION, SETUP_OPTION)

ENDED_STATES = {
    *("COMPLETED", "BOOT_FAIL", "CANCELLED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"),
    *("PREEMPTED", "REVOKED", "TIMEOUT", "LAUNCH_FAILED", "RECONFIG_FAIL"),
}
# States of jobs that Slurm ended for a reason that the step has nothing to do with.
LOST_STATES = {"BOOT_FAIL", "NODE_FAIL", "PREEMPTED"}
HINT_BY_PATTERN = {
    r"TIMEOUT|DUE TO TIME LIMIT": "raise the time limit (PERSONA_SLURM_TIME, or op tag slurm/time)",
    r"OUT_OF_MEMORY|exceeded (job |step )?memory limit|oom.?kill": "raise the memory (PERSONA_SLURM_MEM, slurm/mem)",
    r"NODE_FAIL|NODE FAILURE|PREEMPT": "the node was lost, or another job needed it: not the step's fault",
    r"[Ii]nvalid partition": "name a partition that `sinfo` shows (PERSONA_SLURM_PARTITION, ..._GPU_PARTITION)",
    r"[Ii]nvalid account|account/partition": "name an account that you may charge (PERSONA_SLURM_ACCOUNT)",
    r"node configuration is not available": "no node has what is asked for: compare gres, mem and cpus with sinfo",
}
# Messages of temporary errors, after which the same command may succeed later.
TRANSIENT_ERRORS = re.compile(
    r"Unable to contact slurm controller|timed out|temporarily|Connection refused|Zero Bytes|communication"
    r"|MaxSubmit|submit limit|authentication",
    re.IGNORECASE,
)
# Variables of a Slurm job in which this process may itself run, and the numbers of threads that `limit_threads` has set
# for the CPUs of this machine. The job of the step must not inherit them.
INHERITED_VARIABLES = re.compile(
    r"SLURM_(?!CONF$|CLUSTERS$|JWT$)|(CUDA|ROCR)_VISIBLE_DEVICES$|GPU_DEVICE_ORDINAL$"
    rf"|({'|'.join(THREAD_VARIABLES)})$"
)
MAX_VARIABLE_CHARS = 120_000  # Linux limits one string of an exec to 128 KiB
TAIL_BYTES = 65_536


class SlurmError(PersonaAssetsError):
    """A Slurm command failed with an error that would recur if the command were repeated."""


class SlurmUnavailableError(SlurmError):
    """A Slurm command timed out, or failed with an error that is temporary."""


class SlurmJob(NamedTuple):
    """Id, name, state and reason of a job, as `squeue` shows them."""

    id: int
    name: str
    state: str
    reason: str


def run_slurm(command: list[str], *, script: str | None = None, timeout: float = 30) -> str:
    """Run a Slurm command with `script` as its standard input, and return its standard output.

    Raises:
        SlurmUnavailableError: There was no answer within `timeout` seconds, or a temporary error.
        SlurmError: The command failed; the message is Slurm's.
    """
    environment = {name: value for name, value in os.environ.items() if not INHERITED_VARIABLES.match(name)}
    try:
        result = subprocess.run(  # noqa: S603 - no shell; the arguments are this module's own
            command, input=script, capture_output=True, text=True, timeout=timeout, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SlurmUnavailableError(f"{command[0]} timed out after {timeout} s") from error
    except OSError as error:
        raise SlurmError(
            f"cannot run {command[0]} ({error}): is Slurm's client on this machine and on PATH?"
        ) from error
    if result.returncode:
        message = (result.stderr or result.stdout).strip()
        raise (SlurmUnavailableError if TRANSIENT_ERRORS.search(message) else SlurmError)(message)
    return result.stdout


def list_own_jobs() -> dict[str, list[SlurmJob]]:
    """Return the jobs of the current user that `squeue` lists, by job name; jobs of one name are sorted by id."""
    jobs: defaultdict[str, list[SlurmJob]] = defaultdict(list)
    listing = run_slurm(["squeue", "--me", "--noheader", "--states=all", "--format=%i|%j|%T|%r"])
    for line in listing.splitlines():
        number, name, state, reason = ([*line.split("|", 3), "", "", ""])[:4]
        if number.isdigit():
            jobs[name].append(SlurmJob(int(number), name, state, reason))
    return {name: sorted(same) for name, same in jobs.items()}


def describe_job(job: SlurmJob) -> str:
    """Return a text with the state and reason of a job, and, if Slurm still has them, exit code, node and run time."""
    try:
        shown = run_slurm(["scontrol", "--oneliner", "show", "job", str(job.id)])
    except SlurmError:
        shown = ""
    facts = re.findall(r"\b(?:ExitCode|NodeList|RunTime|Partition)=\S+", shown)
    return " ".join([job.state, f"Reason={job.reason}", *facts])


def merge_options(
    op_tags: Mapping[str, str],
    *,
    default_options: Mapping[str, str],
    gpu_options: Mapping[str, str],
    step_options: Mapping[str, str],
) -> dict[str, str]:
    """Merge a step's Slurm options; later sources override earlier ones: default, GPU, op tags, step config.

    The order is `default_options`, `gpu_options` (only if the step has the op tag `gpu`), the op tags "slurm/<option>",
    and `step_options`.

    Args:
        op_tags: Op tags of the step.
        default_options: Options of every step.
        gpu_options: Options of steps that need GPUs.
        step_options: Options of this step in the run's config.

    Raises:
        SlurmError: A tag `slurm/<option>` names no option.
    """
    options = dict(default_options)
    if gpus := int(op_tags.get("gpu", 0)):
        options |= {"gres": f"gpu:{gpus}", **gpu_options}
    options |= {name.removeprefix("slurm/"): value for name, value in op_tags.items() if name.startswith("slurm/")}
    options |= step_options
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise SlurmError(f"unknown option {', '.join(unknown)}: op tags are slurm/<{'|'.join(OPTIONS)}>")
    return options


def refuse_shell_code(config: Mapping[str, Any], *, allowed: Mapping[str, str]) -> None:
    """Raise `SettingsError` if a run's config has shell code that differs from the settings' (`allowed`).

    Args:
        config: Config of the executor, with `default`, `gpu` and `per_step` options.
        allowed: Options in the settings.

    Raises:
        SettingsError: An option in `SHELL_OPTIONS` differs from `allowed`. The message names each.
    """
    options = {"default": config["default"], "gpu": config["gpu"]}
    options |= {f"per_step.{step}": step_options for step, step_options in config["per_step"].items()}
    refused = [
        f"{section}.{option}"
        for section, section_options in options.items()
        for option in SHELL_OPTIONS
        if section_options.get(option) and section_options[option] != allowed.get(option)
    ]
    if refused:
        raise SettingsError(
            f"execution config sets {', '.join(refused)}, which the nodes would run as shell: set PERSONA_SLURM_SETUP "
            "and PERSONA_SLURM_EXTRA instead, or allow it with PERSONA_SLURM_SHELL_FROM_LAUNCHPAD=true"
        )


def build_sbatch_command(options: Mapping[str, str], *, name: str, log: Path, comment: str) -> list[str]:
    """Return the sbatch command that submits a script from its standard input."""
    flags = [f"{FLAG_BY_OPTION[option]}={value}" for option, value in options.items() if option in FLAG_BY_OPTION]
    return [
        "sbatch",
        "--parsable",
        f"--job-name={name}",
        "--no-requeue",  # a step that Slurm restarts would find itself done and exit with 0
        "--export=ALL",
        f"--output={str(log).replace('%', '%%')}",
        "--open-mode=append",
        f"--comment={comment}",
        *flags,
        *shlex.split(options.get(EXTRA_OPTION, "")),
    ]


def build_job_script(command: list[str], environment: Mapping[str, str], *, setup: str, log: Path, umask: str) -> str:
    """Return the Bash script of a job: it runs `setup` and `command`, and writes the exit code to a file.

    Raises:
        SlurmError: An environment variable is longer than Linux allows.
    """
    if too_long := [name for name, value in environment.items() if len(value) > MAX_VARIABLE_CHARS]:
        raise SlurmError(f"{', '.join(too_long)}: over the 128 KiB that Linux allows one environment variable")
    exit_file = shlex.quote(str(exit_code_path(log)))
    lines = [
        "#!/bin/bash",
        "trap : TERM INT",  # keeps the shell, and so the job, alive until the step has ended
        f"umask {umask}",
        *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
        setup,
        shlex.join(command),
        f"rc=$?; echo $rc > {exit_file}; exit $rc",
    ]
    return "\n".join([*lines, ""])


def exit_code_path(log: Path) -> Path:
    """Return the path, next to `log`, to which the script of a job writes its exit code."""
    return log.with_suffix(".exit")


def find_hint_for_error(message: str) -> str:
    """Return a hint on how to fix the error that a Slurm message describes; "" if none is known."""
    return next((f" Hint: {hint}." for pattern, hint in HINT_BY_PATTERN.items() if re.search(pattern, message)), "")


def tail_log(log: Path, *, lines: int = 20) -> str:
    """Return the last `lines` lines of a job's log file, without Dagster's debug lines."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return f"({error})"
    return "\n".join([line for line in text.splitlines() if " - dagster - DEBUG - " not in line][-lines:])
