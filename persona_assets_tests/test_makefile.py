"""What `make` sets for the commands that it runs."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REPORTS = {"PERSONA_REPORTS_URL": "http://127.0.0.1:3001"}
DEMO = {"PERSONA_START_DATE": "2025-03-01", "PERSONA_END_DATE": "2025-03-03", "PERSONA_N_CLUSTERS": "8", **REPORTS}


@pytest.fixture
def settings_of(tmp_path):
    """What a target's commands find set, when the shell has set this: programs that print it stand for them."""
    for name in ("python", "dagster", "dg"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nenv | grep ^PERSONA_\nexit 0\n", encoding="utf-8")
        program.chmod(0o755)
    (tmp_path / "installed").touch()

    def run(target, **given):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PERSONA_", "MAKE"))}
        done = subprocess.run(
            ["make", target, f"BIN={tmp_path}", f"INSTALLED={tmp_path / 'installed'}"],
            cwd=ROOT,
            env=environment | given | {"DAGSTER_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        found = [line.partition("=") for line in done.stdout.splitlines() if line.startswith("PERSONA_")]
        return {name: value for name, _, value in found}

    return run


@pytest.mark.parametrize("target", ["demo", "dev"])
def test_the_demo_and_the_ui_have_the_days_and_the_number_of_personas_of_the_demos_capture(settings_of, target):
    assert settings_of(target) == DEMO


@pytest.mark.parametrize("target", ["demo", "dev"])
def test_what_the_shell_sets_holds(settings_of, target):
    assert settings_of(target, PERSONA_N_CLUSTERS="4") == DEMO | {"PERSONA_N_CLUSTERS": "4"}


@pytest.mark.parametrize("target", ["demo", "dev"])
def test_who_sets_the_first_day_sets_the_last_one_too(settings_of, target):
    found = settings_of(target, PERSONA_START_DATE="2025-04-01")

    assert found == {"PERSONA_START_DATE": "2025-04-01", "PERSONA_N_CLUSTERS": "8", **REPORTS}


@pytest.mark.parametrize("target", ["demo", "dev"])
def test_a_capture_of_ones_own_gets_no_setting_of_the_demos(settings_of, target):
    assert settings_of(target, PERSONA_CAPTURE="mine") == {"PERSONA_CAPTURE": "mine", **REPORTS}


def test_clean_leaves_results_and_what_dagster_knows_of_them():
    recipe = subprocess.run(["make", "--dry-run", "clean"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert recipe.stdout.split() == ["rm", "-rf", ".venv", "docs/_build", "screenshots"]
