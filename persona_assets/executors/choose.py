"""Build the executor that `PERSONA_EXECUTOR` names."""

from collections.abc import Callable, Iterable, Mapping

import dagster as dg

from persona_assets.errors import SettingsError
from persona_assets.executors.kubernetes import kubernetes_executor
from persona_assets.executors.pool_slots import with_dead_slots_freed
from persona_assets.settings import ExecutorName, Settings


def choose_executor(settings: Settings, gpu_steps: Mapping[str, int]) -> dg.ExecutorDefinition:
    """Return the executor definition that `settings.executor` names; `gpu_steps` maps step names to numbers of GPUs.

    - "in_process" runs steps one after the other, with an overhead of 0.2 s per step.
    - "multiprocess" runs as many steps at once as there are cores, with an overhead of 4-6 s per step.
    - "slurm" runs each step as a Slurm job.
    - "k8s" runs each step in a pod. It needs `persona_assets[k8s]` and a Dagster instance with the K8sRunLauncher.

    Args:
        settings: Settings, which include the options of the executor.
        gpu_steps: Number of GPUs by the name of the step, for steps that need any.

    Raises:
        SettingsError: The package that an executor needs is not installed, or a label is not `name=value`.
    """
    return EXECUTORS[settings.executor](settings, gpu_steps)


def _kubernetes_executor(settings: Settings, gpu_steps: Mapping[str, int]) -> dg.ExecutorDefinition:
    selector = _parse_labels(settings.k8s_gpu_node_selector)
    return with_dead_slots_freed(kubernetes_executor(gpu_steps, node_selector=selector))


def _slurm_executor(settings: Settings, _gpu_steps: Mapping[str, int]) -> dg.ExecutorDefinition:
    from persona_assets.executors.slurm import slurm_executor  # noqa: PLC0415 - interfaces private to Dagster 1.13

    default = {
        "partition": settings.slurm_partition,
        "time": settings.slurm_time,
        "mem": settings.slurm_mem,
        "cpus": settings.slurm_cpus,
        "account": settings.slurm_account,
        "qos": settings.slurm_qos,
        "constraint": settings.slurm_constraint,
        "extra": settings.slurm_extra,
        "setup": settings.slurm_setup,
    }
    gpu = {
        "partition": settings.slurm_gpu_partition,
        "gres": settings.slurm_gpu_gres,
        "time": settings.slurm_gpu_time,
        "mem": settings.slurm_gpu_mem,
        "cpus": settings.slurm_gpu_cpus,
        "account": settings.slurm_gpu_account,
        "qos": settings.slurm_gpu_qos,
        "constraint": settings.slurm_gpu_constraint,
    }
    executor = slurm_executor(
        default_options=_drop_none(default),
        gpu_options=_drop_none(gpu),
        log_dir=settings.slurm_log_dir,
        max_concurrent=settings.slurm_max_concurrent,
        shell_from_launchpad=settings.slurm_shell_from_launchpad,
        umask=settings.umask,
    )
    return with_dead_slots_freed(executor)


def _drop_none(options: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


def count_gpus_by_step(assets: Iterable[dg.AssetsDefinition]) -> dict[str, int]:
    """Return the number in the op tag `gpu` by step name; steps without the tag are absent."""
    executable = (asset for asset in assets if asset.is_executable)
    return {asset.op.name: int(asset.op.tags["gpu"]) for asset in executable if "gpu" in asset.op.tags}


def _parse_labels(text: str) -> dict[str, str]:
    """Return the labels in a text such as "name=value,other=value"."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise SettingsError(f"PERSONA_K8S_GPU_NODE_SELECTOR: {', '.join(wrong)} is not name=value")
    return {name: value for name, _, value in pairs}


# Builders of executors by the value of PERSONA_EXECUTOR (`settings.ExecutorName`). Their arguments are those of
# `choose_executor`.
EXECUTORS: Mapping[ExecutorName, Callable[[Settings, Mapping[str, int]], dg.ExecutorDefinition]] = {
    "in_process": lambda _settings, _gpu_steps: dg.in_process_executor,
    "multiprocess": lambda _settings, _gpu_steps: dg.multiprocess_executor,
    "slurm": _slurm_executor,
    "k8s": _kubernetes_executor,
}
