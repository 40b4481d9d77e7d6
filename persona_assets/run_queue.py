"""Where runs wait for each other: in the queue of `dagster dev`, whose daemon starts them, and nowhere else."""

import os

import dagster as dg
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

# Set by `dagster dev` and `dg dev` for the processes that they start: the web interface, and the daemon.
DEV = "DAGSTER_IS_DEV_CLI"


class QueueInDev(QueuedRunCoordinator[dg.DagsterInstance]):
    """Queues runs under `dagster dev`; elsewhere starts each as it is submitted, so that none needs a daemon.

    A backfill in the UI would otherwise start a process a day, all at once. `dagster job backfill`, to be run without a
    daemon, would otherwise wait for one. Named in dagster.yaml, where Dagster's own options of its queue hold.
    """

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Queue the run, or start it."""
        if os.environ.get(DEV):
            return super().submit_run(context)
        return self._instance.launch_run(context.dagster_run.run_id, context.workspace)
