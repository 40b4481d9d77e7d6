"""PERSONA_EXECUTOR chooses the executor, with its options from the settings."""

import dagster as dg
import pytest

from persona_assets.errors import SettingsError
from persona_assets.executors.choose import choose_executor, count_gpus_by_step
from persona_assets.settings import read_settings


@pytest.mark.parametrize(
    ("name", "executor"),
    [("in_process", "in_process"), ("multiprocess", "multiprocess"), ("slurm", "slurm"), ("k8s", "k8s")],
)
def test_each_name_gives_its_executor(name, executor):
    assert choose_executor(read_settings({"PERSONA_EXECUTOR": name}), {}).name == executor


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SettingsError, match="'in_process', 'multiprocess', 'slurm' or 'k8s'"):
        read_settings({"PERSONA_EXECUTOR": "celery"})


def test_the_settings_are_defaults_of_slurm_options():
    settings = read_settings(
        {"PERSONA_EXECUTOR": "slurm", "PERSONA_SLURM_TIME": "04:00:00", "PERSONA_SLURM_GPU_PARTITION": "a100"}
    )

    schema = choose_executor(settings, {}).config_schema.config_type.fields

    assert schema["default"].default_value == {"time": "04:00:00"}
    assert schema["gpu"].default_value == {"partition": "a100"}


def test_a_label_without_a_value_is_refused():
    settings = read_settings({"PERSONA_EXECUTOR": "k8s", "PERSONA_K8S_GPU_NODE_SELECTOR": "pool=gpu,accelerator"})

    with pytest.raises(SettingsError, match="accelerator is not name=value"):
        choose_executor(settings, {})


def test_gpus_are_counted_by_the_op_tag():
    @dg.asset(op_tags={"gpu": "2"})
    def embeds(): ...

    @dg.asset
    def counts(): ...

    assert count_gpus_by_step([embeds, counts]) == {"embeds": 2}
