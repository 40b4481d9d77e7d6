"""Choose the executor that the settings name."""

from collections.abc import Callable, Iterable, Mapping

import dagster as dg

from persona_assets.errors import SettingsError
from persona_assets.executors.kubernetes import kubernetes_executor
from persona_assets.executors.pool_slots import freeing_dead_slots
from persona_assets.settings import ExecutorName, Settings


def choose_executor(settings: Settings, gpu_steps: Mapping[str, int]) -> dg.ExecutorDefinition:
    """Return the executor that `settings.executor` names.

    "in_process": a step costs 0.2 s, one after the other. "multiprocess": a step costs 4-6 s, as many at once as
    there are cores. "slurm": each step is a Slurm job. "k8s": each step is a pod; needs `persona_assets[k8s]` and
    a Dagster instance with the K8sRunLauncher.

    Args:
        settings: With the options of the executor.
        gpu_steps: Number of GPUs of each step that needs any, by the step's name.

    Raises:
        SettingsError: The package that an executor needs is not installed, or a label is not `name=value`.
    """
    return EXECUTORS[settings.executor](settings, gpu_steps)


def _kubernetes_executor(settings: Settings, gpu_steps: Mapping[str, int]) -> dg.ExecutorDefinition:
    selector = _labels(settings.k8s_gpu_node_selector)
    return freeing_dead_slots(kubernetes_executor(gpu_steps, node_selector=selector))


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
        default=_given(default),
        gpu=_given(gpu),
        log_dir=settings.slurm_log_dir,
        max_concurrent=settings.slurm_max_concurrent,
        shell_from_launchpad=settings.slurm_shell_from_launchpad,
        umask=settings.umask,
    )
    return freeing_dead_slots(executor)


def _given(options: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


def count_gpus(assets: Iterable[dg.AssetsDefinition]) -> dict[str, int]:
    """Return the GPUs of each step that has the op tag `gpu`."""
    return {asset.op.name: int(asset.op.tags["gpu"]) for asset in assets if "gpu" in asset.op.tags}


def _labels(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise SettingsError(f"PERSONA_K8S_GPU_NODE_SELECTOR: {', '.join(wrong)} is not name=value")
    return {name: value for name, _, value in pairs}


# By the name that PERSONA_EXECUTOR gives (`settings.ExecutorName`): from the settings and the GPUs of each step.
EXECUTORS: Mapping[ExecutorName, Callable[[Settings, Mapping[str, int]], dg.ExecutorDefinition]] = {
    "in_process": lambda _settings, _gpu_steps: dg.in_process_executor,
    "multiprocess": lambda _settings, _gpu_steps: dg.multiprocess_executor,
    "slurm": _slurm_executor,
    "k8s": _kubernetes_executor,
}
