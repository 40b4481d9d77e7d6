"""The Kubernetes jobs that dagster-k8s would submit for steps with the tag `gpu`, without a cluster."""

import sys
from unittest import mock

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import reconstructable
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.context_creation_job import (
    PlanOrchestrationContextManager,
    orchestration_context_event_generator,
)
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.executor.step_delegating import StepHandlerContext
from dagster._core.test_utils import create_run_for_test
from dagster._grpc.types import ExecuteStepArgs

from persona_assets.errors import SettingsError
from persona_assets.executors.choose import choose_executor, count_gpus_by_step
from persona_assets.executors.kubernetes import kubernetes_executor
from persona_assets.settings import read_settings

SETTINGS = {"PERSONA_EXECUTOR": "k8s", "PERSONA_K8S_GPU_NODE_SELECTOR": "accelerator=nvidia"}
LAUNCHER = {
    "module": "dagster_k8s",
    "class": "K8sRunLauncher",
    "config": {
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "dagster_home": "/opt/dagster/home",
        "load_incluster_config": False,
        "job_namespace": "personas",
    },
}


@dg.asset(op_tags={"gpu": "1"})
def embeds(): ...


@dg.asset
def counts(): ...


def the_job():
    executor = choose_executor(read_settings(SETTINGS), count_gpus_by_step([embeds, counts]))
    definitions = dg.Definitions(
        assets=[embeds, counts], jobs=[dg.define_asset_job("all_steps", executor_def=executor)]
    )
    return definitions.resolve_job_def("all_steps")


def pods_of(tmp_path, step_config):
    """Return the pods that the step handler of dagster-k8s submits for both steps to a fake Kubernetes client."""
    config = {"load_incluster_config": False, "job_image": "personas:1", "job_namespace": "personas"} | step_config
    run_config = {"execution": {"config": config}}
    with (
        mock.patch("kubernetes.config.load_kube_config"),
        mock.patch("dagster_k8s.executor.DagsterKubernetesClient.production_client") as client,
        dg.DagsterInstance.local_temp(str(tmp_path), overrides={"run_launcher": LAUNCHER}) as instance,
    ):
        job = reconstructable(the_job)
        run = create_run_for_test(
            instance, job_name="all_steps", run_config=run_config, job_code_origin=job.get_python_origin()
        )
        plan = create_execution_plan(job, run_config=run_config, known_state=KnownExecutionState())
        manager = PlanOrchestrationContextManager(
            orchestration_context_event_generator, job, plan, run_config, run, instance
        )
        list(manager.prepare_context())
        context, pods = manager.get_context(), {}
        for key in ("embeds", "counts"):
            step = StepHandlerContext(
                instance=instance,
                plan_context=context,
                steps=[plan.get_step_by_key(key)],
                execute_step_args=ExecuteStepArgs(job.get_python_origin(), run.run_id, [key]),
                dagster_run=run,
            )
            list(context.executor._step_handler.launch_step(step))
            sent = client.return_value.create_namespaced_job_with_retries.call_args.kwargs["body"]
            pods[key] = sent.to_dict()["spec"]["template"]["spec"]
        return pods


def test_the_gpu_tag_becomes_limits_a_node_selector_and_a_toleration(tmp_path):
    pods = pods_of(tmp_path, {})

    assert pods["embeds"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert pods["embeds"]["node_selector"] == {"accelerator": "nvidia"}
    assert pods["embeds"]["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert not (pods["counts"]["containers"][0]["resources"] or {}).get("limits")
    assert not pods["counts"]["node_selector"]


def test_the_run_config_of_a_step_overrides_the_gpu_tag(tmp_path):
    pod = {"container_config": {"resources": {"limits": {"nvidia.com/gpu": "4"}}}}

    pods = pods_of(tmp_path, {"per_step_k8s_config": {"embeds": pod}})

    assert pods["embeds"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "4"}


def test_a_missing_package_is_named_with_the_command_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "dagster_k8s", None)

    with pytest.raises(SettingsError, match=r"pip install 'persona_assets\[k8s\]'"):
        kubernetes_executor({}, node_selector={})
