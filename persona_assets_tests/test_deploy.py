"""The files of `deploy/`: services and images have minimal rights and write private files."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from dagster._config import validate_config
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._grpc.client import DEFAULT_GRPC_TIMEOUT

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted((DEPLOY / "service").glob("*.service"))


def read_unit(unit):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(unit, encoding="utf-8")
    return parser["Service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_services_run_as_a_user_without_further_rights_whose_files_are_its_own(unit):
    service = read_unit(unit)

    assert service["User"] not in {"root", "0"}
    assert service["UMask"] == "0077"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "full"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_services_can_use_the_gpu_and_the_shared_temporary_folder(unit):
    service = read_unit(unit)

    assert not {"PrivateTmp", "PrivateDevices", "ProtectClock", "MemoryDenyWriteExecute"} & set(service)


def test_the_web_interface_listens_on_this_machine_only():
    assert " -h 127.0.0.1 " in read_unit(DEPLOY / "service" / "persona_assets-webserver.service")["ExecStart"]


def test_the_image_runs_as_a_numeric_user_and_has_no_secrets():
    lines = (DEPLOY / "kubernetes" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()

    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["10001:10001"]
    after = lines[lines.index("USER 10001:10001") + 1 :]
    assert [line.split()[0] for line in after] == ["EXPOSE", "CMD"]
    assert any("chown persona:persona" in line and "$DAGSTER_HOME" in line for line in lines)
    assert not any(re.search(r"KEY|SECRET|TOKEN|PASSWORD", line) for line in lines if re.match("ENV|ARG|COPY", line))


def test_pods_run_as_the_images_user():
    values = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text(encoding="utf-8"))

    (deployment,) = values["dagster-user-deployments"]["deployments"]
    runs = values["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["podSpecConfig"]["securityContext"]
    assert deployment["podSecurityContext"] == runs
    assert runs == {"runAsNonRoot": True, "fsGroup": 10001, "fsGroupChangePolicy": "OnRootMismatch"}


@pytest.mark.parametrize(("given", "mode"), [(None, 0o600), ("027", 0o640)])
def test_the_backfill_job_uses_the_umask_of_the_settings(tmp_path, given, mode):
    script = (DEPLOY / "slurm" / "backfill.sbatch").read_text(encoding="utf-8")
    until_graph = script.partition("cd ")[0]

    environment = {"PATH": "/usr/bin:/bin"} | ({"PERSONA_UMASK": given} if given else {})
    command = ["bash", "-c", f"{until_graph}\ntouch made", "backfill", "2025-03-01", "2025-03-02"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)

    assert (tmp_path / "made").stat().st_mode & 0o777 == mode


def test_a_run_that_is_launched_during_an_outage_of_the_database_is_not_given_up():
    # Dagster waits for a minute for the process that it launches, which waits for the database, and then fails the run.
    instance = yaml.safe_load((DEPLOY / "slurm" / "dagster.yaml").read_text(encoding="utf-8"))
    queue = validate_config(QueuedRunCoordinator.config_type(), instance["run_coordinator"]["config"])
    outage = instance["storage"]["custom"]["config"]["longest_outage_seconds"]

    assert queue.success, queue.errors
    assert DEFAULT_GRPC_TIMEOUT * queue.value["max_user_code_failure_retries"] >= outage
    assert instance["run_monitoring"]["start_timeout_seconds"] > outage
