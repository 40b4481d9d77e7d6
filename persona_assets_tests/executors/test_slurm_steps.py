"""Job names and allowed config, without a Slurm. `test_slurm.py` has runs through a real one."""

import re

import pytest

from persona_assets.errors import SettingsError
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
