"""A run coordinator that queues runs under `dagster dev`, where a daemon starts them, and nowhere else."""

import os

import dagster as dg
from dagster import _check as check
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

# Environment variable that `dagster dev` and `dg dev` set for the processes that they start: UI and daemon.
DEV = "DAGSTER_IS_DEV_CLI"


class QueueInDev(QueuedRunCoordinator[dg.DagsterInstance]):
    """Run coordinator that queues runs under `dagster dev`, and starts a run at once in any other process.

    The queue keeps a backfill in the UI from starting one process per day at the same time. Without a daemon, queued
    runs of `dagster job backfill` would never start. dagster.yaml names this class, with the options of
    `QueuedRunCoordinator`.
    """

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Queue the run, or start it if it has not started yet; return its current state."""
        if os.environ.get(DEV):
            return super().submit_run(context)
        run_id = context.dagster_run.run_id
        if self._load(run_id).status == dg.DagsterRunStatus.NOT_STARTED:
            self._instance.launch_run(run_id, context.workspace)
        return self._load(run_id)

    def _load(self, run_id: str) -> dg.DagsterRun:
        return check.not_none(self._instance.get_run_by_id(run_id), f"run {run_id} has been deleted")
