"""What the documents say is true."""

import re
from pathlib import Path

import pytest

from persona_assets.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")


def settings_table() -> str:
    """Make the README's table of settings from their definitions."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {'' if field.default is None else f'`{shown(field.default)}`'} "
        f"| {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | what |", "|---|---|---|", *rows])


def shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_readme_lists_every_setting_as_it_is():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert settings_table() in readme, f"put this into README.md, Settings:\n{settings_table()}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_documents_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")

    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_tests_that_hold_an_invariant_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

    named = set(re.findall(r"`((?:\w+/)?test_\w+\.py)`", text))
    assert named
    assert [name for name in sorted(named) if not (ROOT / "persona_assets_tests" / name).exists()] == []


@pytest.mark.parametrize("target", ["demo", "test", "dev", "bench", "check"])
def test_make_targets_that_the_documents_name_exist(target):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_the_readme_names_the_jobs_and_the_places_of_results():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    for name in (
        "prepare_days",
        "make_personas",
        "trace_personas",
        "user_clusters.json",
        "rejected_lines",
        "workspace.yaml",
    ):
        assert name in readme
