"""The executor of dagster-k8s, with GPUs for steps that have the op tag `gpu`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from persona_assets.errors import SettingsError


def kubernetes_executor(gpu_steps: Mapping[str, int], *, node_selector: Mapping[str, str]) -> dg.ExecutorDefinition:
    """Return `k8s_job_executor`, configured so that the pods of `gpu_steps` request that number of GPUs.

    The `per_step_k8s_config` of a run overrides that for a step.

    Args:
        gpu_steps: Number of GPUs by the op name of the step.
        node_selector: Labels of the nodes with GPUs.

    Raises:
        SettingsError: dagster-k8s is not installed.
    """
    try:
        from dagster_k8s import k8s_job_executor  # noqa: PLC0415 - an optional package, 1 s to import
    except ModuleNotFoundError as error:
        raise SettingsError("PERSONA_EXECUTOR=k8s needs dagster-k8s: pip install 'persona_assets[k8s]'") from error
    pods = {step: build_gpu_pod_config(gpus, node_selector=node_selector) for step, gpus in gpu_steps.items()}

    def k8s(config: Mapping[str, Any]) -> dict[str, Any]:
        return {**config, "per_step_k8s_config": {**pods, **config.get("per_step_k8s_config", {})}}

    return dg.configured(k8s_job_executor, config_schema=k8s_job_executor.config_schema.as_field())(k8s)


def build_gpu_pod_config(gpus: int, *, node_selector: Mapping[str, str]) -> dict[str, Any]:
    """Return the dagster-k8s config of a pod that requests `gpus` GPUs: limit, node selector and toleration."""
    taint = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    return {
        "container_config": {"resources": {"limits": {"nvidia.com/gpu": str(gpus)}}},
        "pod_spec_config": {"node_selector": dict(node_selector), "tolerations": [taint]},
    }
