"""Job names, allowed config and lost nodes, without a Slurm. `test_slurm.py` has runs through a real one."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

from persona_assets.errors import SettingsError
from persona_assets.executors.slurm import LOST_NODE_RETRIES
from persona_assets.executors.slurm_steps import SlurmStepHandler, build_job_name

RUN = "0f0e0d0c-1111-2222-3333-444455556666"


def test_each_attempt_at_a_step_has_its_own_job_name():
    names = [build_job_name(RUN, step, attempt) for step in ("raw", "a" * 99, "a" * 98 + "b") for attempt in (0, 1)]

    assert names == [
        build_job_name(RUN, step, attempt) for step in ("raw", "a" * 99, "a" * 98 + "b") for attempt in (0, 1)
    ]
    assert len(set(names)) == 6
    assert all(re.fullmatch(r"dg-0f0e0d0c-[A-Za-z0-9_.-]{5,90}", name) for name in names)


def test_shell_code_in_a_run_config_is_allowed_by_a_setting():
    config = {"default": {"setup": "module load cuda"}, "gpu": {}, "per_step": {}}

    SlurmStepHandler(config, umask="077", allowed_shell=None).require_allowed_config()
    with pytest.raises(SettingsError, match="execution config sets default.setup"):
        SlurmStepHandler(config, umask="077", allowed_shell={}).require_allowed_config()


# Commands of a Slurm that loses the node of every job at once.
SBATCH = """#!/bin/sh
cat > /dev/null
for option; do case $option in --job-name=*) echo "${option#--job-name=}" >> "$JOBS";; esac; done
"""
SQUEUE = """#!/bin/sh
[ ! -e "$JOBS" ] || awk '{ print NR "|" $0 "|NODE_FAIL|None" }' "$JOBS"
"""


@pytest.mark.slow
def test_a_step_whose_nodes_are_lost_is_tried_again_but_not_for_ever(tmp_path):
    scripts = {"sbatch": SBATCH, "squeue": SQUEUE, "scontrol": "#!/bin/sh\n", "scancel": "#!/bin/sh\n"}
    for command, script in scripts.items():
        (tmp_path / command).write_text(script, encoding="utf-8")
        (tmp_path / command).chmod(0o755)
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "JOBS": str(tmp_path / "jobs"),
        "DAGSTER_HOME": str(tmp_path),
        "WHERE_STEPS_RAN": str(tmp_path),
        "PYTHONPATH": f"{Path(__file__).parent / 'slurm_graph'}:{Path(__file__).parents[2]}",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "trouble", "--select", "raw"]

    done = subprocess.run(command, env=environment, capture_output=True, check=False)

    assert done.returncode == 1
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.FAILURE
        events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    kinds = Counter(event.event_type_value for event in events if event.step_key == "raw")
    assert kinds["STEP_UP_FOR_RETRY"] == LOST_NODE_RETRIES
    assert kinds["STEP_FAILURE"] == 1
    names = (tmp_path / "jobs").read_text(encoding="utf-8").splitlines()
    assert len(set(names)) == len(names) == 1 + LOST_NODE_RETRIES
