"""When a run starts, slots of the GPU pool that dead runs claim are freed and logged."""

import logging

import dagster as dg
import pytest
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.test_utils import create_run_for_test

from persona_assets.executors.pool_slots import GPU_POOL, free_dead_slots, with_dead_slots_freed

LIMITED = {"concurrency": {"pools": {"default_limit": 1, "granularity": "op"}}}
LOG = logging.getLogger("slots")


@dg.asset(pool=GPU_POOL)
def embeds(): ...


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=LIMITED) as instance:
        instance.event_log_storage.initialize_concurrency_limit_to_default(GPU_POOL)
        yield instance


def hold_slot(instance, status):
    """Return a run of the given status that claims the only slot of the pool."""
    run = create_run_for_test(instance, status=status)
    assert claim_slot(instance, run)
    return run


def claim_slot(instance, run):
    return instance.event_log_storage.claim_concurrency_slot(GPU_POOL, run.run_id, "embeds").is_claimed


@pytest.mark.parametrize("status", ["FAILURE", "CANCELED", "SUCCESS"])
def test_the_slot_of_an_ended_run_is_freed_and_logged(status, instance, caplog):
    over = hold_slot(instance, dg.DagsterRunStatus[status])

    free_dead_slots(instance, log=LOG)

    assert claim_slot(instance, create_run_for_test(instance))
    (said,) = caplog.records
    assert said.getMessage() == f"pool gpu: freed the slots of run {over.run_id}, because it has ended ({status})"
    assert said.levelno == logging.WARNING


def test_the_slot_of_an_active_run_is_kept_and_logged(instance, caplog):
    caplog.set_level(logging.INFO)
    works = hold_slot(instance, dg.DagsterRunStatus.STARTED)

    free_dead_slots(instance, log=LOG)

    assert not claim_slot(instance, create_run_for_test(instance))
    assert f"dagster run delete {works.run_id}" in caplog.text


@pytest.mark.parametrize(("worker", "is_freed"), [("RUNNING", False), ("UNKNOWN", False), ("NOT_FOUND", True)])
def test_a_run_launcher_that_can_check_its_workers_is_used(worker, is_freed, instance, monkeypatch):
    monkeypatch.setattr(DefaultRunLauncher, "supports_check_run_worker_health", True)
    monkeypatch.setattr(
        DefaultRunLauncher, "check_run_worker_health", lambda *_: CheckRunHealthResult(WorkerStatus[worker])
    )
    hold_slot(instance, dg.DagsterRunStatus.STARTED)

    free_dead_slots(instance, log=LOG)

    assert claim_slot(instance, create_run_for_test(instance)) == is_freed


def the_job():
    job = dg.define_asset_job("embed", executor_def=with_dead_slots_freed(dg.in_process_executor))
    return dg.Definitions(assets=[embeds], jobs=[job]).resolve_job_def("embed")


def test_a_starting_run_frees_the_slot_of_a_dead_run(instance):
    hold_slot(instance, dg.DagsterRunStatus.FAILURE)

    with dg.execute_job(dg.reconstructable(the_job), instance=instance) as result:
        assert result.success
