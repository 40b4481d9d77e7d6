"""Choose the executor that a setting names."""

import dagster as dg

from persona_assets.errors import SettingsError


def choose_executor(name: str) -> dg.ExecutorDefinition:
    """Return the executor called `name`.

    Args:
        name: "in_process" (a step costs 0.2 s, one after the other), "multiprocess" (a step costs 4-6 s, as many
            at once as there are cores), or "k8s" (each step is a pod of its own; needs `persona_assets[k8s]` and
            a Dagster instance with the K8sRunLauncher).

    Raises:
        SettingsError: The executor is unknown, or the package that it needs is not installed.
    """
    if name == "in_process":
        return dg.in_process_executor
    if name == "multiprocess":
        return dg.multiprocess_executor
    if name == "k8s":
        return _k8s_executor()
    raise SettingsError(f"PERSONA_EXECUTOR={name!r}: the executors are in_process, multiprocess and k8s")


def _k8s_executor() -> dg.ExecutorDefinition:
    try:
        from dagster_k8s import k8s_job_executor  # noqa: PLC0415 - an optional package, 1 s to import
    except ModuleNotFoundError as error:
        raise SettingsError("PERSONA_EXECUTOR=k8s needs dagster-k8s: pip install 'persona_assets[k8s]'") from error
    return k8s_job_executor
