"""The Dagster definitions: names, partitions, windows, descriptions, jobs and privacy."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from persona_assets.definitions import build_definitions
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings
from persona_assets_tests.assets.embeddings.builders import make_model
from persona_assets_tests.whole_graph import (
    AGENT_ASSETS,
    ALL_DAYS_ASSETS,
    ASSIGNMENT_ASSETS,
    DAY_ASSETS,
    PERSONA_ASSETS,
)

ROOT = Path(__file__).parents[1]
READS = {
    "raw_events": {"captured_events"},
    "rejected_lines": {"captured_events"},
    "consent_records": {"raw_events"},
    "consents": {"consent_records"},
    "user_actions": {"raw_events"},
    "english_posts": {"user_actions"},
    "english_users": {"english_posts", "user_actions", "consents"},
    "embeddings": {"english_posts", "consents"},
    "clusters": {"embeddings", "english_users", "consents"},
    "user_assignments": {"embeddings", "english_users", "consents"},
    "lineage": {"clusters"},
    "cluster_jsonl": {"clusters", "english_users", "user_actions", "english_posts", "embeddings", "consents"},
    "persona_phrases": {"clusters", "cluster_jsonl", "english_posts", "consents"},
    "persona_labels": {"lineage", "persona_phrases"},
    "cluster_stats": {
        "cluster_jsonl",
        "clusters",
        "english_posts",
        "embeddings",
        "lineage",
        "persona_labels",
        "consents",
    },
    "dataset": {"cluster_jsonl", "user_actions", "persona_labels", "consents"},
}
READS["agent_profiles"] = {"clusters", "user_actions", "persona_labels", "consents"}
STAGES = {
    "agent_profiles": "agents",
    "raw_events": "capture",
    "rejected_lines": "capture",
    "consent_records": "days",
    "consents": "consents",
    "user_actions": "days",
    "english_posts": "days",
    "embeddings": "days",
    "english_users": "personas",
    "clusters": "personas",
    "user_assignments": "assignments",
    "lineage": "all_days",
    "cluster_jsonl": "results",
    "persona_phrases": "personas",
    "persona_labels": "all_days",
    "cluster_stats": "results",
    "dataset": "results",
}
WINDOWED = {
    ("agent_profiles", "user_actions"),
    ("english_users", "english_posts"),
    ("english_users", "user_actions"),
    ("clusters", "embeddings"),
    ("user_assignments", "embeddings"),
    ("cluster_jsonl", "user_actions"),
    ("cluster_jsonl", "english_posts"),
    ("cluster_jsonl", "embeddings"),
    ("persona_phrases", "english_posts"),
    ("cluster_stats", "english_posts"),
    ("cluster_stats", "embeddings"),
    ("dataset", "user_actions"),
}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions(read_settings({"PERSONA_WINDOW_DAYS": "16", "PERSONA_START_DATE": "2024-11-01"}))


def test_every_daily_asset_ends_with_the_last_day():
    settings = read_settings({"PERSONA_START_DATE": "2025-03-01", "PERSONA_END_DATE": "2025-03-03"})
    graph = build_definitions(settings).resolve_asset_graph()

    days = {graph.get(dg.AssetKey(name)).partitions_def for name in READS} - {None}
    assert [partitions.get_partition_keys() for partitions in days] == [["2025-03-01", "2025-03-02", "2025-03-03"]]


@pytest.fixture(scope="module")
def graph(definitions):
    return definitions.resolve_asset_graph()


def test_the_definitions_can_be_loaded(definitions):
    dg.Definitions.validate_loadable(definitions)


def test_each_asset_has_the_documented_inputs(graph):
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.materializable_asset_keys
    }

    assert found == READS


@pytest.mark.parametrize("name", READS)
def test_each_asset_has_days_a_group_an_owner_kinds_and_a_description(graph, name):
    node = graph.get(dg.AssetKey(name))

    if name in ALL_DAYS_ASSETS:
        assert node.partitions_def is None
    else:
        assert node.partitions_def.get_first_partition_key() == "2024-11-01"
    assert node.group_name == "persona_assets"  # one, so that the UI opens it
    assert node.owners == ["team:persona_assets"]
    assert node.kinds
    assert "One " in node.description or name == "cluster_stats"  # the meaning of a row
    assert len(node.description) > 200
    assert node.tags == {"stage": STAGES[name], **{f"dagster/kind/{kind}": "" for kind in node.kinds}}


@pytest.mark.parametrize(
    ("child", "parent"), [(child, parent) for child, parents in READS.items() for parent in sorted(parents)]
)
def test_windows_are_partition_mappings(graph, child, parent):
    node = graph.get(dg.AssetKey(child))
    mapping = node.partition_mappings.get(dg.AssetKey(parent))

    expected = dg.TimeWindowPartitionMapping(start_offset=-15) if (child, parent) in WINDOWED else None
    assert mapping == expected


def test_the_jobs_cover_each_asset_once():
    job_assets = (*DAY_ASSETS, *PERSONA_ASSETS, *ALL_DAYS_ASSETS, *AGENT_ASSETS, *ASSIGNMENT_ASSETS)
    assert sorted(job_assets) == sorted(READS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["dagster", "definitions", "validate", "-w", "workspace.yaml"],
        ["dg", "check", "defs"],
        ["dagster", "asset", "list", "-m", "persona_assets.definitions"],
        ["dagster", "job", "list", "-w", "workspace.yaml"],
    ],
    ids=" ".join,
)
def test_the_command_lines_load_the_graph(command, tmp_path):
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"

    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"DAGSTER_HOME": str(tmp_path), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    if "list" in command:
        assert all(name in done.stdout for name in (READS if "asset" in command else ("prepare_days", "make_personas")))


@pytest.mark.slow
def test_the_console_shows_progress_and_not_each_event_of_dagster(tmp_path):
    write_capture(tmp_path / "capture", days=1, start_date=dt.date(2025, 3, 1), users=60, personas=2, seed=0)
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    settings = {"CAPTURE": tmp_path / "capture", "DATA": tmp_path / "data"}

    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "dagster", "asset", "materialize", "-m", "persona_assets.definitions"),
            *("--select", "raw_events,rejected_lines", "--partition", "2025-03-01"),
        ],
        cwd=ROOT,
        env=os.environ
        | {f"PERSONA_{name}": str(value) for name, value in settings.items()}
        | {"DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert " - INFO - " in done.stderr + done.stdout
    assert " - DEBUG - " not in done.stderr + done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("executor", "umask", "modes"),
    [
        ("in_process", None, {"file": {0o600}, "folder": {0o700}}),
        ("multiprocess", "022", {"file": {0o644}, "folder": {0o755}}),
    ],
)
def test_results_are_private_unless_a_setting_says_otherwise(tmp_path, executor, umask, modes):
    write_capture(tmp_path / "capture", days=1, start_date=dt.date(2025, 3, 1), users=60, personas=2, seed=0)
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    model = make_model(tmp_path / "model", pooling={"pooling_mode": "mean"})
    settings = {
        "CAPTURE": tmp_path / "capture", "DATA": tmp_path / "data", "MODEL": model, "N_CLUSTERS": 2, "DEVICE": "cpu",
        "EXECUTOR": executor, "UMASK": umask or "",
    }  # fmt: skip

    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "dagster", "asset", "materialize", "-m", "persona_assets.definitions"),
            *("--select", "*", "--partition", "2025-03-01"),
        ],
        cwd=ROOT,
        env=os.environ
        | {f"PERSONA_{name}": str(value) for name, value in settings.items()}
        | {"DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        umask=0o002,  # the umask of the caller
    )

    assert done.returncode == 0, done.stderr[-3000:]
    made = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    found = {
        kind: {path.stat().st_mode & 0o777 for path in made if path.is_dir() == (kind == "folder")} for kind in modes
    }
    assert found == modes
    assert {path.parent.name for path in made if path.is_file()} >= {"raw_events", "embeddings", "cluster_centres"}


def test_a_library_import_changes_no_umask():
    code = (
        "import os; os.umask(0o022); import persona_assets.settings, persona_assets.assets.raw_events.parse; "
        "from persona_assets.executors import choose; assert os.umask(0o022) == 0o022; "
        "import persona_assets.definitions; assert os.umask(0) == 0o077"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERSONA_")}

    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_an_unknown_setting_stops_loading():
    code = "import persona_assets.definitions"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PERSONA_WINDOW": "7"}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "SettingsError: PERSONA_WINDOW is not a setting; did you mean PERSONA_WINDOW_DAYS?" in done.stderr
