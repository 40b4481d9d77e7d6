"""Runs are queued only under `dagster dev`, where a daemon starts them."""

import dagster as dg
import pytest
from dagster._core.launcher import RunLauncher
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.run_coordinator import SubmitRunContext
from dagster._serdes import ConfigurableClass

from persona_assets.automation.run_queue import DEV


class Started(RunLauncher, ConfigurableClass):
    """A run launcher that records the runs and starts none."""

    def __init__(self, inst_data=None):
        self.inst_data_, self.runs = inst_data, []
        super().__init__()

    inst_data = property(lambda self: self.inst_data_)

    @classmethod
    def config_type(cls):
        return {}

    @classmethod
    def from_config_value(cls, inst_data, config_value):
        return cls(inst_data, **config_value)

    def launch_run(self, context):
        self.runs.append(context.dagster_run.run_id)

    def terminate(self, run_id):
        raise NotImplementedError(run_id)


@dg.op
def work():
    return None


@dg.job
def job():
    work()


def queue_of(folder):
    overrides = {
        "run_coordinator": {"module": "persona_assets.automation.run_queue", "class": "QueueInDev"},
        "run_launcher": {"module": Started.__module__, "class": Started.__name__},
    }
    return dg.instance_for_test(temp_dir=str(folder), overrides=overrides)


def create_run(instance):
    place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "repository")
    return instance.create_run_for_job(
        job,
        remote_job_origin=RemoteJobOrigin(place, job.name),
        job_code_origin=dg.reconstructable(job).get_python_origin(),
    )


@pytest.mark.parametrize(("dev", "is_started", "status"), [(None, True, "STARTING"), ("1", False, "QUEUED")])
def test_a_run_is_queued_under_dagster_dev_and_started_at_once_elsewhere(
    tmp_path, monkeypatch, dev, is_started, status
):
    monkeypatch.delenv(DEV, raising=False)
    if dev:
        monkeypatch.setenv(DEV, dev)
    with queue_of(tmp_path) as instance:
        run = create_run(instance)

        submitted = instance.run_coordinator.submit_run(SubmitRunContext(run, workspace=None))

        assert (submitted.status.value, instance.get_run_by_id(run.run_id).status.value) == (status, status)
        assert instance.run_launcher.runs == [run.run_id] * is_started


def test_a_run_that_is_submitted_twice_is_started_once(tmp_path, monkeypatch):
    monkeypatch.delenv(DEV, raising=False)
    with queue_of(tmp_path) as instance:
        run = create_run(instance)

        submitted = [
            instance.run_coordinator.submit_run(SubmitRunContext(given, workspace=None))
            for given in (run, run, instance.get_run_by_id(run.run_id))
        ]

        assert [found.status.value for found in submitted] == ["STARTING"] * 3
        assert instance.run_launcher.runs == [run.run_id]
