"""A graph whose steps fail in every way in which the Slurm job of a step can fail."""

import os
import resource
import signal
import time
from pathlib import Path

import dagster as dg

from persona_assets.executors.slurm import slurm_executor

WHERE = Path(os.environ["WHERE_STEPS_RAN"]) / "where.tsv"


def note(context: dg.AssetExecutionContext) -> None:
    """Write to disk where the step ran, which needs no accounting database."""
    seen = [os.environ.get(name, "") for name in ("SLURM_JOB_PARTITION", "CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")]
    with WHERE.open("a", encoding="utf-8") as file:
        file.write("\t".join([context.op_handle.name, *seen]) + "\n")


@dg.asset
def raw(context) -> None:
    note(context)


@dg.asset(deps=[raw], op_tags={"gpu": "1"})
def embeddings(context) -> None:
    note(context)


@dg.asset(deps=[embeddings], op_tags={"slurm/cpus": "2"})
def report(context) -> None:
    note(context)


@dg.asset
def sleeper(context) -> None:
    note(context)
    time.sleep(120)


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
def retried(context) -> None:
    note(context)
    if context.retry_number == 0:
        time.sleep(120)


@dg.asset(op_tags={"slurm/mem": "300M"})
def hungry() -> None:
    held = []
    for _ in range(60):
        held.append(bytearray(os.urandom(2**20) * 20))
        time.sleep(0.2)


@dg.asset
def crashes() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # writes no core file
    os.kill(os.getpid(), signal.SIGSEGV)


@dg.asset(op_tags={"slurm/partition": "nowhere"})
def on_no_partition() -> None:
    pass


@dg.asset(op_tags={"slurm/gres": "gpu:99"})
def wants_too_many() -> None:
    pass


@dg.asset(op_tags={"slurm/memory": "1G"})
def has_unknown_option() -> None:
    pass


@dg.asset
def leaves_in_silence() -> None:
    os._exit(0)


@dg.asset(op_tags={"slurm/time": "1"})
def too_long() -> None:
    time.sleep(300)


@dg.asset
def first_half(context) -> None:
    note(context)
    time.sleep(15)


@dg.asset
def second_half(context) -> None:
    note(context)
    time.sleep(15)


@dg.asset(name="odd_name__with_many_underscores_" + "x" * 60)
def odd() -> None:
    pass


slurm = slurm_executor(default_options={"time": "10"}, gpu_options={"partition": "gpu"})


@dg.configured(slurm, config_schema=slurm.config_schema.as_field())
def executor(config):
    """Check the jobs every two seconds; the rest of a run's config is kept."""
    return {**config, "check_step_health_interval_seconds": 2}


defs = dg.Definitions(
    assets=[
        *(raw, embeddings, report, sleeper, retried, hungry, crashes, on_no_partition, wants_too_many),
        *(has_unknown_option, leaves_in_silence, too_long, first_half, second_half, odd),
    ],
    executor=executor,
)
