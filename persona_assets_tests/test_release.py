"""A release names one version everywhere; hooks run `make check`, and the workflow runs `.ci/run`."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = [form for form in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if form.name != "config.yml"]


def read_yaml(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_changelog_and_citation_are_of_the_version_with_one_date():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\](?: - (\d{4}-\d\d-\d\d))?$", changelog, flags=re.MULTILINE)
    citation = read_yaml("CITATION.cff")

    assert released[0] == (PROJECT["version"], str(citation["date-released"]))
    assert citation["version"] == PROJECT["version"]


def test_pre_commit_runs_what_make_check_runs(tmp_path):
    (repository,) = read_yaml(".pre-commit-config.yaml")["repos"]
    (tmp_path / "installed").touch()  # so that make installs nothing
    command = ["make", "--dry-run", "--silent", "check", f"INSTALLED={tmp_path / 'installed'}"]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert [hook["entry"] for hook in repository["hooks"]] == recipe.splitlines()
    assert all(not hook["pass_filenames"] and {"python", "pyi"} == {*hook["types_or"]} for hook in repository["hooks"])


def test_pre_commit_takes_the_config():
    pre_commit = Path(sys.executable).parent / "pre-commit"

    subprocess.run([pre_commit, "validate-config", ".pre-commit-config.yaml"], cwd=ROOT, check=True)


def test_the_workflow_calls_ci_run_on_pull_requests():
    workflow = read_yaml(".github/workflows/ci.yml")
    steps = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]

    # YAML 1.1 reads the key `on` as true.
    assert {"push", "pull_request"} == {*workflow[True]}
    assert steps[-1] == ".ci/run"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_issue_forms_have_what_github_asks_for(form):
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    names = [field["id"] for field in fields]

    assert content["name"]
    assert content["description"]
    assert len({*names}) == len(names)
    assert all(field["attributes"]["label"] for field in fields)
    assert all(field["type"] in {"input", "textarea", "dropdown", "checkboxes"} for field in fields)


def test_templates_name_files_that_exist():
    texts = [*FORMS, ROOT / ".github" / "pull_request_template.md"]
    named = {
        name
        for text in texts
        for name in re.findall(r"(?:docs/)?[\w-]+\.md|docs/\w+/", text.read_text(encoding="utf-8"))
    }

    assert {"CONTRIBUTING.md", "SECURITY.md", "docs/errors.md"} <= named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
