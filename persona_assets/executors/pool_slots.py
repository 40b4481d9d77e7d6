"""Give back the slots of Dagster's pools that runs hold which are over: nothing else does without a daemon."""

import logging

import dagster as dg
from dagster._core.launcher.base import WorkerStatus

from persona_assets.executors.delegate import Create, wrap_executor

# Of the steps that need a GPU; limited where the instance says so, as by `dagster instance concurrency set gpu 4`.
GPU_POOL = "gpu"

_DEAD = {WorkerStatus.FAILED, WorkerStatus.NOT_FOUND, WorkerStatus.SUCCESS}


def freeing_dead_slots(executor: dg.ExecutorDefinition) -> dg.ExecutorDefinition:
    """Return the executor; when a run starts with it, the slots of dead runs are freed first, and it is said."""

    def free_and_create(create: Create, context: dg.InitExecutorContext) -> dg.Executor:
        free_dead_slots(context.instance, log=dg.get_dagster_logger("slots"))
        return create(context)

    return wrap_executor(executor, free_and_create)


def free_dead_slots(instance: dg.DagsterInstance, *, log: logging.Logger) -> None:
    """Free the slots that runs hold which have ended or whose worker is gone; name the other runs that hold one.

    A worker that was killed says nothing of its end. Where the run launcher can ask, as that of Kubernetes can, it is
    asked; otherwise the run looks alive, and only a person can tell.
    """
    slots = instance.event_log_storage
    if not slots.supports_global_concurrency_limits:
        return
    info = slots.get_concurrency_info(GPU_POOL)
    held = {slot.run_id for slot in info.claimed_slots} | {step.run_id for step in info.pending_steps}
    for run_id in sorted(held):
        if why := _why_dead(instance, run_id):
            slots.free_concurrency_slots_for_run(run_id)
            log.warning("pool %s: freed what run %s held, because %s", GPU_POOL, run_id, why)
        else:
            log.info(
                "pool %s: run %s holds a slot or waits for one. If it is dead, end it in the UI, or `dagster run "
                "delete %s`: steps that wait then go on",
                GPU_POOL,
                run_id,
                run_id,
            )


def _why_dead(instance: dg.DagsterInstance, run_id: str) -> str:
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
