"""The settings that `make` passes to its commands, and `make release`."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REPORTS = {"PERSONA_REPORTS_URL": "http://127.0.0.1:3001"}
DEMO = {"PERSONA_START_DATE": "2025-03-01", "PERSONA_END_DATE": "2025-03-03", "PERSONA_N_CLUSTERS": "8", **REPORTS}


@pytest.fixture
def settings_of(tmp_path):
    """Return a function that runs a target with variables of the shell, and returns the settings its commands get."""
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
def test_variables_of_the_shell_override_the_makefile(settings_of, target):
    assert settings_of(target, PERSONA_N_CLUSTERS="4") == DEMO | {"PERSONA_N_CLUSTERS": "4"}


@pytest.mark.parametrize("target", ["demo", "dev"])
def test_setting_the_first_day_unsets_the_default_last_day(settings_of, target):
    found = settings_of(target, PERSONA_START_DATE="2025-04-01")

    assert found == {"PERSONA_START_DATE": "2025-04-01", "PERSONA_N_CLUSTERS": "8", **REPORTS}


@pytest.mark.parametrize("target", ["demo", "dev"])
def test_a_users_own_capture_gets_no_setting_of_the_demo(settings_of, target):
    assert settings_of(target, PERSONA_CAPTURE="mine") == {"PERSONA_CAPTURE": "mine", **REPORTS}


def test_clean_keeps_results_and_dagster_history():
    recipe = subprocess.run(["make", "--dry-run", "clean"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert recipe.stdout.split() == [
        "rm",
        "-rf",
        ".venv",
        ".venv-train",
        ".venv-names",
        ".simulators",
        "dist",
        "docs/_build",
        "screenshots",
    ]


# A fake for the programs of `make release`: records its calls, and creates the files that the next command needs.
RELEASE_PYTHON = """#!/bin/sh
echo "$PWD|$*|$(env | grep -c -e ^PYTHONPATH= -e ^PERSONA_MODEL=)|$DAGSTER_HOME|$PERSONA_START_DATE" >> {log}
case "$*" in
  "-m build"*) mkdir {dist} && touch {dist}/p.whl {dist}/p.tar.gz ;;
  "-m twine"*) exit {twine} ;;
  "-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m persona_assets.sample.demo"*) exit {demo} ;;
esac
"""


@pytest.fixture
def release(tmp_path):
    """Run `make release` with fake programs of given exit statuses; return its status and the calls."""

    def run(*, twine=0, demo=0):
        log, dist, program = tmp_path / "log", tmp_path / "dist", tmp_path / "python"
        program.write_text(RELEASE_PYTHON.format(log=log, dist=dist, twine=twine, demo=demo), encoding="utf-8")
        program.chmod(0o755)
        (tmp_path / "installed").touch()
        (tmp_path / "scratch").mkdir()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PERSONA_", "MAKE"))}
        done = subprocess.run(
            ["make", "release", f"BIN={tmp_path}", f"INSTALLED={tmp_path / 'installed'}", f"DIST={dist}"],
            cwd=ROOT,
            env=environment | {"TMPDIR": str(tmp_path / "scratch"), "PYTHONPATH": str(ROOT), "PERSONA_MODEL": "mine"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, [line.split("|") for line in log.read_text(encoding="utf-8").splitlines()]

    return run


def test_a_release_is_built_and_checked_and_its_wheel_runs_the_demo(release, tmp_path):
    status, calls = release()

    dist, called = tmp_path / "dist", [arguments for _, arguments, *_ in calls]
    place = Path(calls[-1][0])
    assert status == 0
    assert called == [
        f"-m build --outdir {dist}",
        f"-m twine check --strict {dist}/p.tar.gz {dist}/p.whl",
        f"-m venv {place}/venv",
        f"-m pip install --quiet --constraint constraints.txt {dist}/p.whl",
        "-m persona_assets.sample.demo",
    ]


def test_the_demo_of_a_release_knows_neither_the_checkout_nor_the_shells_settings(release, tmp_path):
    _, calls = release()

    place, _, inherited, dagster_home, start_date = calls[-1]
    assert Path(place).parent == tmp_path / "scratch"
    assert (inherited, dagster_home, start_date) == ("0", f"{place}/dagster_home", DEMO["PERSONA_START_DATE"])


@pytest.mark.parametrize(("failing", "last"), [("twine", "-m twine"), ("demo", "-m persona_assets.sample.demo")])
def test_a_release_fails_where_one_of_its_steps_does_and_leaves_no_environment(release, tmp_path, failing, last):
    status, calls = release(**{failing: 1})

    assert status != 0
    assert calls[-1][1].startswith(last)
    assert list((tmp_path / "scratch").iterdir()) == []
