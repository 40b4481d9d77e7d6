"""Where runs wait for each other: in the queue of `dagster dev`, whose daemon starts them, and nowhere else."""

import os

import dagster as dg
from dagster import _check as check
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

# Set by `dagster dev` and `dg dev` for the processes that they start: the web interface, and the daemon.
DEV = "DAGSTER_IS_DEV_CLI"


class QueueInDev(QueuedRunCoordinator[dg.DagsterInstance]):
    """Queues runs under `dagster dev`; elsewhere starts each as it is submitted, so that none needs a daemon.

    A backfill in the UI would otherwise start a process a day, all at once. `dagster job backfill`, to be run without a
    daemon, would otherwise wait for one. Named in dagster.yaml, where Dagster's own options of its queue hold.
    """

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Queue the run, or start it unless that has been done; return it as it then is."""
        if os.environ.get(DEV):
            return super().submit_run(context)
        run_id = context.dagster_run.run_id
        if self._load(run_id).status == dg.DagsterRunStatus.NOT_STARTED:
            self._instance.launch_run(run_id, context.workspace)
        return self._load(run_id)

    def _load(self, run_id: str) -> dg.DagsterRun:
        return check.not_none(self._instance.get_run_by_id(run_id), f"run {run_id} has been deleted")
