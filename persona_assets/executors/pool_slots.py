"""Free the slots of the GPU pool that dead runs still claim. Without a daemon Dagster does not do that."""

import logging

import dagster as dg
from dagster._core.launcher.base import WorkerStatus

from persona_assets.executors.delegate import CreateExecutor, wrap_executor

# The pool of steps that need a GPU. Its limit is set on the instance: `dagster instance concurrency set gpu 4`.
GPU_POOL = "gpu"

_DEAD = {WorkerStatus.FAILED, WorkerStatus.NOT_FOUND, WorkerStatus.SUCCESS}


def with_dead_slots_freed(executor: dg.ExecutorDefinition) -> dg.ExecutorDefinition:
    """Return `executor` changed so that each run starts by freeing pool slots that dead runs still claim."""

    def free_and_create(create: CreateExecutor, context: dg.InitExecutorContext) -> dg.Executor:
        free_dead_slots(context.instance, log=dg.get_dagster_logger("slots"))
        return create(context)

    return wrap_executor(executor, free_and_create)


def free_dead_slots(instance: dg.DagsterInstance, *, log: logging.Logger) -> None:
    """Free the concurrency-pool slots of runs that ended or lost their worker; log which runs keep a slot.

    A killed worker reports nothing. Some run launchers can check a worker, such as the one of Kubernetes. With others,
    a run whose worker was killed looks alive, and only a person can find out.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    info = storage.get_concurrency_info(GPU_POOL)
    run_ids = {slot.run_id for slot in info.claimed_slots} | {step.run_id for step in info.pending_steps}
    for run_id in sorted(run_ids):
        if reason := _find_death(instance, run_id):
            storage.free_concurrency_slots_for_run(run_id)
            log.warning("pool %s: freed the slots of run %s, because %s", GPU_POOL, run_id, reason)
        else:
            log.info(
                "pool %s: run %s holds a slot or waits for one. If it is dead, end it in the UI, or `dagster run "
                "delete %s`: steps that wait then go on",
                GPU_POOL,
                run_id,
                run_id,
            )


def _find_death(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return why a run is dead, or an empty text if it may be alive."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return "it has been deleted"
    if run.is_finished:
        return f"it has ended ({run.status.value})"
    launcher = instance.run_launcher
    if launcher.supports_check_run_worker_health:
        health = launcher.check_run_worker_health(run)
        return f"its worker is gone ({health.status.value})" if health.status in _DEAD else ""
    return ""
