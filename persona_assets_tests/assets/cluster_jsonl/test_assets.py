"""The asset: each field of its configuration changes what is written, and its metadata holds numbers only."""

import datetime as dt
import json

import dagster as dg
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from upath import UPath

from persona_assets.assets.cluster_jsonl.accounting import OTHER_OUTCOMES
from persona_assets.assets.cluster_jsonl.assets import HEADINGS, ClusterJsonlConfig, build_cluster_jsonl
from persona_assets.assets.cluster_jsonl.build import build_lines
from persona_assets.assets.cluster_jsonl.targets import OUTCOMES
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.persona_files import ClusterFolder, JsonlIOManager
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets_tests.assets.cluster_jsonl.builders import act, inputs, message, uri_of
from persona_assets_tests.checked import find_failed

DAY = "2025-03-02"
HOUR = 3_600_000_000
USERS = ["ann", "bob", "cyd", "dan", "eve"]


def window():
    """Return a window with a thread of five, likes, and an account that all follow and whose posts they ignore."""
    rows = [message("ann", "0", 0)]
    rows += [message("ann", str(n), n, answers=uri_of("ann", str(n - 1))) for n in range(1, 5)]
    rows += [
        act("bob", "like", 9 * HOUR, on=uri_of("ann", "0")),
        act("bob", "like", 9 * HOUR, key="l", on="at://x/y/z"),
    ]
    rows += [act(user, "follow", HOUR, key="f", toward="star") for user in USERS]
    rows += [message("star", str(n), 2 * HOUR + n, f"of the star, {n}") for n in range(30)]
    vectors = {uri_of("star", str(n)): [1.0, n / 15] for n in range(30)} | {uri_of("ann", "0"): [1, 1]}
    return inputs(rows, dict.fromkeys(USERS, 0), vectors=vectors)


class WindowIOManager(dg.InMemoryIOManager):
    """Loads the window's tables from Parquet files of one day, which it writes below `base`."""

    def __init__(self, base):
        super().__init__()
        self.base = base

    def load_input(self, context):
        name = context.asset_key.to_user_string()
        file = self.base / name / f"{DAY}.parquet"
        file.parent.mkdir(parents=True)
        pq.write_table(getattr(window(), name).to_table(), file)
        return pads.dataset([str(file)])


def materialize(tmp_path, **config):
    """Return the folder of the day and the metadata of the materialization."""
    result = run_asset(tmp_path, **config)
    (event,) = result.asset_materializations_for_node("cluster_jsonl")
    return tmp_path / "cluster_jsonl" / DAY, event.metadata


def run_asset(tmp_path, **config):
    asset = build_cluster_jsonl(daily_partitions(dt.date(2025, 3, 1)), trailing_window(7))
    scratch = Scratch()
    return dg.materialize(
        [asset, *(dg.AssetSpec(key, partitions_def=asset.partitions_def) for key in asset.dependency_keys)],
        partition_key=DAY,
        instance=dg.DagsterInstance.ephemeral(),
        selection=[asset],
        run_config=dg.RunConfig({"cluster_jsonl": ClusterJsonlConfig(**config)}),
        resources={
            "scratch": scratch,
            "io_manager": WindowIOManager(tmp_path / "given"),
            "jsonl_io_manager": JsonlIOManager(base=str(tmp_path), scratch=scratch),
        },
        raise_on_error=False,
    )


MISSING_DAY = {"the_window_is_complete": dg.AssetCheckSeverity.WARN}  # only the window's last day is given


def test_each_outcome_has_exactly_one_heading():
    named = [outcome for outcomes in HEADINGS.values() for outcome in outcomes]

    assert len(named) == len(set(named))
    assert set(named) == {*OUTCOMES, *OTHER_OUTCOMES}


def test_a_missing_day_is_a_warning_and_all_other_checks_pass(tmp_path):
    result = run_asset(tmp_path, add_ignored_messages=True)

    assert result.success
    assert len(result.get_asset_check_evaluations()) == 3
    assert find_failed(result.get_asset_check_evaluations()) == MISSING_DAY


@pytest.mark.parametrize(
    ("lost", "check"),
    [("accounting", "every_action_is_accounted_for"), ("user_clusters", "every_user_of_the_clusters_has_a_file")],
)
def test_a_missing_action_or_user_is_an_error(tmp_path, monkeypatch, lost, check):
    def lose_one(*given, **how):
        made = build_lines(*given, **how)
        without_one = {
            "accounting": made.accounting.slice(1),
            "user_clusters": dict(list(made.user_clusters.items())[1:]),
        }
        return made._replace(**{lost: without_one[lost]})

    monkeypatch.setattr("persona_assets.assets.cluster_jsonl.assets.build_lines", lose_one)

    assert find_failed(run_asset(tmp_path).get_asset_check_evaluations()) == {
        **MISSING_DAY,
        check: dg.AssetCheckSeverity.ERROR,
    }


def test_the_asset_writes_a_folder_and_metadata_with_the_outcome_of_every_action(tmp_path):
    folder, metadata = materialize(tmp_path)

    assert sorted(path.name for path in folder.iterdir()) == [
        "accounting.parquet",
        "actions_by_hour.parquet",
        "actions_per_user.parquet",
        "checksums.xxh128",
        "cluster_0.jsonl",
        "user_clusters.json",
    ]
    assert len((folder / "cluster_0.jsonl").read_bytes().splitlines()) == 2
    assert [column.name for column in metadata["accounting"].schema.columns] == ["action", *HEADINGS]
    assert [tuple(record.data.values()) for record in metadata["accounting"].records] == [
        ("post", "1", "30", "0", "0", "0", "0"),
        ("reply", "4", "0", "0", "0", "0", "0"),
        ("like", "1", "0", "0", "0", "0", "1"),
        ("follow", "0", "0", "0", "5", "0", "0"),
    ]
    described = [column.name for column in metadata["dagster/column_schema"].value.columns]
    assert described[:2] == ["[].user_id", "[].text"]
    assert "accounting.outcome" in described
    assert [tuple(record.data.values()) for record in metadata["dropped"].records] == [
        ("user not kept", 30),
        ("no post before the act", 5),
        ("target not a post", 1),
    ]
    assert metadata["conversations"].value == 1
    assert {"seconds", "peak_memory_mib"} <= set(metadata)
    assert metadata["missing_days"].value == "2025-03-01"


@pytest.mark.parametrize(
    "config",
    [
        {"add_ignored_messages": False},
        {"ignored_candidates": "cluster"},
        {"similarity_threshold": 0.99},
        {"cap_ignored_messages": 3},
        {"max_thread_messages": 2},
    ],
)
def test_each_option_changes_what_is_written(tmp_path, config):
    usual, _ = materialize(tmp_path / "usual", add_ignored_messages=True)
    other, _ = materialize(tmp_path / "other", **({"add_ignored_messages": True} | config))

    assert (usual / "cluster_0.jsonl").read_bytes() != (other / "cluster_0.jsonl").read_bytes()


@pytest.mark.parametrize("config", [{"format": "blueprint"}, {"compression": "zstd"}])
def test_format_and_compression_change_the_files_but_not_their_messages(tmp_path, config):
    plain, compressed = (materialize(tmp_path / name, **given)[0] for name, given in {"a": {}, "b": config}.items())

    other = [json.loads(line) for line in ClusterFolder(UPath(compressed)).read_lines(0)]
    usual = [json.loads(line) for line in (plain / "cluster_0.jsonl").read_bytes().splitlines()]
    assert [len(line["thread"] if isinstance(line, dict) else line) for line in other] == [len(line) for line in usual]
    assert {file.name for file in plain.iterdir()} ^ {file.name for file in compressed.iterdir()} == (
        {"cluster_0.jsonl", "cluster_0.jsonl.zst"} if "compression" in config else set()
    )


def test_the_same_window_twice_gives_the_same_bytes(tmp_path):
    once, _ = materialize(tmp_path / "once", add_ignored_messages=True)
    twice, _ = materialize(tmp_path / "twice", add_ignored_messages=True)

    for file in once.iterdir():
        assert (twice / file.name).read_bytes() == file.read_bytes()


def test_settings_are_the_defaults(monkeypatch):
    monkeypatch.setenv("PERSONA_ADD_IGNORED_MESSAGES", "true")
    monkeypatch.setenv("PERSONA_IGNORED_CANDIDATES", "cluster")
    monkeypatch.setenv("PERSONA_SIMILARITY_THRESHOLD", "0.25")
    monkeypatch.setenv("PERSONA_CAP_IGNORED_MESSAGES", "5")
    monkeypatch.setenv("PERSONA_MAX_THREAD_MESSAGES", "6")
    monkeypatch.setenv("PERSONA_CLUSTER_FORMAT", "blueprint")
    monkeypatch.setenv("PERSONA_CLUSTER_COMPRESSION", "zstd")
    monkeypatch.setenv("PERSONA_LINES_WITHOUT_TEXT", "false")
    monkeypatch.setenv("PERSONA_MEMORY_LIMIT", "2GB")
    monkeypatch.setenv("PERSONA_SEED", "7")
    monkeypatch.setenv("PERSONA_CONSENT_TRAINING", "deny")
    monkeypatch.setenv("PERSONA_CONSENT_SYNTHETIC_CONTENT", "deny")
    monkeypatch.setenv("PERSONA_CONSENT_EMBEDDING", "deny")
    monkeypatch.setenv("PERSONA_DELETIONS", "keep")

    assert ClusterJsonlConfig().model_dump() == {
        "add_ignored_messages": True,
        "ignored_candidates": "cluster",
        "similarity_threshold": 0.25,
        "cap_ignored_messages": 5,
        "max_thread_messages": 6,
        "format": "blueprint",
        "compression": "zstd",
        "lines_without_text": False,
        "memory_limit": "2GB",
        "seed": 7,
        "consent_training": "deny",
        "consent_synthetic_content": "deny",
        "consent_embedding": "deny",
        "deletions": "keep",
    }
