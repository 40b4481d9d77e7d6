"""Slurm's commands, and what they say: Dagster-free.

Works without Slurm's accounting database: `squeue` and `scontrol` know a job for `MinJobAge` seconds after its
end (300 by default), and the job's own script leaves its exit code in a file.
"""

import os
import re
import shlex
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from persona_assets.errors import PersonaAssetsError, SettingsError

# An option of the executor, or an op tag "slurm/<option>", and the flag of sbatch that it becomes.
FLAGS = {
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
EXTRA, SETUP = "extra", "setup"  # more flags, quoted as for a shell; shell lines before the step
OPTIONS = (*FLAGS, EXTRA, SETUP)
# What these say is run on the cluster, whoever wrote it.
SHELL = (EXTRA, SETUP)

ENDED = {
    *("COMPLETED", "BOOT_FAIL", "CANCELLED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"),
    *("PREEMPTED", "REVOKED", "TIMEOUT", "LAUNCH_FAILED", "RECONFIG_FAIL"),
}
HINTS = {
    r"TIMEOUT|DUE TO TIME LIMIT": "raise the time limit (PERSONA_SLURM_TIME, or op tag slurm/time)",
    r"OUT_OF_MEMORY|exceeded (job |step )?memory limit|oom.?kill": "raise the memory (PERSONA_SLURM_MEM, slurm/mem)",
    r"NODE_FAIL|NODE FAILURE|PREEMPT": "not the step's fault; a RetryPolicy survives this",
    r"[Ii]nvalid partition": "name a partition that `sinfo` shows (PERSONA_SLURM_PARTITION, ..._GPU_PARTITION)",
    r"[Ii]nvalid account|account/partition": "name an account that you may charge (PERSONA_SLURM_ACCOUNT)",
    r"node configuration is not available": "no node has what is asked for: compare gres, mem and cpus with sinfo",
}
# What is said when the trouble is not the job's: ask again later.
TRANSIENT = re.compile(
    r"Unable to contact slurm controller|timed out|temporarily|Connection refused|Zero Bytes|communication"
    r"|MaxSubmit|submit limit|authentication",
    re.IGNORECASE,
)
# Set by a Slurm job that this process itself runs in; inherited, they would bend the step's own job.
INHERITED = re.compile(r"SLURM_(?!CONF$|CLUSTERS$|JWT$)|(CUDA|ROCR)_VISIBLE_DEVICES$|GPU_DEVICE_ORDINAL$")
LONGEST_VARIABLE = 120_000  # Linux takes 128 KiB for one string of an exec
TAIL_BYTES = 65_536


class SlurmError(PersonaAssetsError):
    """Slurm refused: asking again would not help."""


class SlurmUnavailableError(SlurmError):
    """Slurm did not answer, or asked to come back."""


class SlurmJob(NamedTuple):
    """A job as `squeue` shows it."""

    id: int
    name: str
    state: str
    reason: str


def run_slurm(command: list[str], *, script: str | None = None, timeout: float = 30) -> str:
    """Run one of Slurm's commands, `script` on its standard input, and return what it prints.

    Raises:
        SlurmUnavailableError: No answer, or an answer that says to come back.
        SlurmError: Refused; the message is Slurm's.
    """
    environment = {name: value for name, value in os.environ.items() if not INHERITED.match(name)}
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the arguments are this module's own
            command, input=script, capture_output=True, text=True, timeout=timeout, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SlurmUnavailableError(f"{command[0]} timed out after {timeout} s") from error
    except OSError as error:
        raise SlurmError(
            f"cannot run {command[0]} ({error}): is Slurm's client on this machine and on PATH?"
        ) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise (SlurmUnavailableError if TRANSIENT.search(said) else SlurmError)(said)
    return done.stdout


def list_jobs() -> dict[str, list[SlurmJob]]:
    """Return this user's jobs that Slurm remembers, by name, each list by job id."""
    jobs: defaultdict[str, list[SlurmJob]] = defaultdict(list)
    listing = run_slurm(["squeue", "--me", "--noheader", "--states=all", "--format=%i|%j|%T|%r"])
    for line in listing.splitlines():
        number, name, state, reason = ([*line.split("|", 3), "", "", ""])[:4]
        if number.isdigit():
            jobs[name].append(SlurmJob(int(number), name, state, reason))
    return {name: sorted(same) for name, same in jobs.items()}


def describe_job(job: SlurmJob) -> str:
    """Return the job's state and why, with exit code, node and run time where Slurm still knows them."""
    try:
        shown = run_slurm(["scontrol", "--oneliner", "show", "job", str(job.id)])
    except SlurmError:
        shown = ""
    facts = re.findall(r"\b(?:ExitCode|NodeList|RunTime|Partition)=\S+", shown)
    return " ".join([job.state, f"Reason={job.reason}", *facts])


def choose_options(
    tags: Mapping[str, str], *, default: Mapping[str, str], gpu: Mapping[str, str], step: Mapping[str, str]
) -> dict[str, str]:
    """Return a step's options: `default`, then `gpu` for a step with op tag `gpu`, then its tags, then `step`.

    Raises:
        SlurmError: A tag `slurm/<option>` names no option.
    """
    options = dict(default)
    if gpus := int(tags.get("gpu", 0)):
        options |= {"gres": f"gpu:{gpus}", **gpu}
    options |= {name.removeprefix("slurm/"): value for name, value in tags.items() if name.startswith("slurm/")}
    options |= step
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise SlurmError(f"unknown option {', '.join(unknown)}: op tags are slurm/<{'|'.join(OPTIONS)}>")
    return options


def refuse_shell(config: Mapping[str, Any], *, allowed: Mapping[str, str]) -> None:
    """Refuse a run's config that has a shell run what the settings do not have it run.

    Args:
        config: Of the executor: `default` and `gpu` options, and those of each step in `per_step`.
        allowed: Options of the settings.

    Raises:
        SettingsError: Names each place.
    """
    options = {"default": config["default"], "gpu": config["gpu"]}
    options |= {f"per_step.{step}": given for step, given in config["per_step"].items()}
    refused = [
        f"{place}.{option}"
        for place, given in options.items()
        for option in SHELL
        if given.get(option) and given[option] != allowed.get(option)
    ]
    if refused:
        raise SettingsError(
            f"execution config sets {', '.join(refused)}, which the nodes would run as shell: set PERSONA_SLURM_SETUP "
            "and PERSONA_SLURM_EXTRA instead, or allow it with PERSONA_SLURM_SHELL_FROM_LAUNCHPAD=true"
        )


def sbatch_command(options: Mapping[str, str], *, name: str, log: Path, comment: str) -> list[str]:
    """Return the command that submits a script from standard input."""
    flags = [f"{FLAGS[option]}={value}" for option, value in options.items() if option in FLAGS]
    return [
        "sbatch",
        "--parsable",
        f"--job-name={name}",
        "--no-requeue",  # a step that Slurm starts a second time finds itself done and exits 0
        "--export=ALL",
        f"--output={str(log).replace('%', '%%')}",
        "--open-mode=append",
        f"--comment={comment}",
        *flags,
        *shlex.split(options.get(EXTRA, "")),
    ]


def job_script(command: list[str], environment: Mapping[str, str], *, setup: str, log: Path, umask: str) -> str:
    """Return the script of a job: umask, environment, setup lines, the step, its exit code beside the log.

    Raises:
        SlurmError: A variable is longer than an exec allows.
    """
    if too_long := [name for name, value in environment.items() if len(value) > LONGEST_VARIABLE]:
        raise SlurmError(f"{', '.join(too_long)}: over the 128 KiB that Linux allows one environment variable")
    exit_file = shlex.quote(str(exit_code_file(log)))
    lines = [
        "#!/bin/bash",
        "trap : TERM INT",  # keeps the shell, and so the job, until the step has had its last word
        f"umask {umask}",
        *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
        setup,
        shlex.join(command),
        f"rc=$?; echo $rc > {exit_file}; exit $rc",
    ]
    return "\n".join([*lines, ""])


def exit_code_file(log: Path) -> Path:
    """Return where a job leaves its exit code."""
    return log.with_suffix(".exit")


def hint_for(said: str) -> str:
    """Return what would help against what Slurm said, or nothing."""
    return next((f" Hint: {hint}." for pattern, hint in HINTS.items() if re.search(pattern, said)), "")


def end_of_log(log: Path, *, lines: int = 20) -> str:
    """Return the last lines of a job's log, without Dagster's own debug lines."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return f"({error})"
    return "\n".join([line for line in text.splitlines() if " - dagster - DEBUG - " not in line][-lines:])
