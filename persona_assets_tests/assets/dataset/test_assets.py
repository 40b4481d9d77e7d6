"""The asset: what a loader of data sets loads, the gate in front of it, and each field of its configuration."""

import datetime as dt
import hashlib
import os

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from upath import UPath

from persona_assets.assets.dataset import assets as module
from persona_assets.assets.dataset.assets import DatasetConfig, build_dataset, build_release_options
from persona_assets.assets.dataset.gate import measure_release
from persona_assets.assets.dataset.gate_checks import GATE_CHECKS
from persona_assets.assets.persona_labels.carry_names import PERSONA_LABELS
from persona_assets.common.scratch import Scratch
from persona_assets.errors import PseudonymKeyError, SettingsError
from persona_assets.io_managers.folder_checksums import read_checksum_file, verify_listed_files
from persona_assets.io_managers.persona_files import (
    SMALL_TABLES,
    ClusterFolder,
    ClusterFolderContents,
    write_cluster_folder,
)
from persona_assets.io_managers.release_folders import ReleaseIOManager
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets_tests.assets.cluster_jsonl.builders import act, build, inputs, message, uri_of
from persona_assets_tests.assets.dataset.builders import HOUR, SECOND, count_words, did, rows_of
from persona_assets_tests.assets.embeddings.builders import make_model
from persona_assets_tests.checked import find_failed

DAY = "2025-03-02"
N_GROUPS = 20  # of three users who know each other, so that splits have several components


def words(group, number):
    """Return a text that is like no other one."""
    return " ".join(hashlib.sha256(f"{group} {number} {place}".encode()).hexdigest()[:6] for place in range(8))


def big_window():
    """Return rows and clusters of two personas with many small groups of users."""
    rows, clusters = [], {}
    for group in range(N_GROUPS):
        one, two, three = (did(f"{name}{group:02}") for name in ("a", "b", "c"))
        clusters |= {one: group % 2, two: group % 2, three: group % 2}
        start = group * HOUR
        rows += [
            message(one, "p", start, words(group, 0)),
            message(two, "r", start + SECOND, words(group, 1), answers=uri_of(one, "p")),
            act(three, "like", start + 2 * SECOND, key="l", on=uri_of(one, "p")),
        ]
    return rows, clusters


class Inputs(dg.InMemoryIOManager):
    """Loads the inputs of the asset from files that it writes below `base`."""

    def __init__(self, base):
        super().__init__()
        self.base = base

    def load_input(self, context):
        name = context.asset_key.to_user_string()
        rows, clusters = big_window()
        given = inputs(rows, clusters)
        if name == "user_actions":
            file = self.base / f"{DAY}.parquet"
            pq.write_table(given.user_actions.to_table(), file)
            return pads.dataset([str(file)])
        if name == "persona_labels":
            return pads.dataset(labels(clusters))
        made = build(given, self.base)
        small = {table: getattr(made, table) for table in SMALL_TABLES}
        folder = self.base / "cluster_jsonl"
        folder.mkdir()
        contents = ClusterFolderContents(made.lines, made.user_clusters, small, line_tables=made.line_tables)
        write_cluster_folder(folder, contents, day=dt.date(2025, 3, 2))
        return ClusterFolder(UPath(folder))


def labels(clusters):
    common = {"day": dt.date(2025, 3, 2), "named_on": dt.date(2025, 3, 2), "method": "phrases", "phrases": ["so"]}
    rows = [
        {
            "cluster_id": cluster,
            "persona_id": cluster + 3,
            "name": f"name {cluster}",
            "description": "They write.",
            "users": list(clusters.values()).count(cluster),
            **common,
        }
        for cluster in sorted(set(clusters.values()))
    ]
    return pa.Table.from_pylist(rows, PERSONA_LABELS)


@pytest.fixture(autouse=True)
def tokens(monkeypatch):
    """Count words in place of tokens, so that no model is loaded."""
    monkeypatch.setattr("persona_assets.text_encoder.token_counts.load_token_counter", lambda _: count_words)


@pytest.fixture(autouse=True)
def no_model(monkeypatch):
    """Without a model: a test whose users write twice names one."""
    monkeypatch.setenv("PERSONA_MODEL", "./no/such/model")


@pytest.fixture
def run(tmp_path, monkeypatch, tmp_path_factory):
    """Return a function that materializes the asset and returns the result, and the folder of the day."""
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path))

    def materialize(**config):
        asset = build_dataset(daily_partitions(dt.date(2025, 3, 1)), trailing_window(2))
        scratch = Scratch()
        result = dg.materialize(
            [asset, *(dg.AssetSpec(key, partitions_def=asset.partitions_def) for key in asset.dependency_keys)],
            partition_key=DAY,
            instance=dg.DagsterInstance.ephemeral(),
            selection=[asset],
            run_config=dg.RunConfig({"dataset": DatasetConfig(**config)}),
            resources={
                "scratch": scratch,
                "io_manager": Inputs(tmp_path_factory.mktemp("given")),
                "release_io_manager": ReleaseIOManager(base=str(tmp_path), scratch=scratch),
            },
            raise_on_error=False,
        )
        return result, tmp_path / "dataset" / DAY

    return materialize


def test_a_loader_of_the_hub_loads_personas_all_and_other_forms(run, tmp_path, monkeypatch):
    result, folder = run()
    assert result.success
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset  # noqa: PLC0415 - reads the environment

    def load(config):
        return load_dataset(str(folder), config, cache_dir=str(tmp_path / "cache"), verification_mode="all_checks")

    chat, persona, threads = load("all"), load("persona_3"), load("threads_persona_4")
    assert set(chat) == {"train", "validation", "test"}
    assert {row["persona"] for split in persona.values() for row in split} == {"persona_3"}
    assert {row["persona"] for split in threads.values() for row in split} == {"persona_4"}
    assert chat["train"][0]["messages"][0]["role"] == "system"
    assert sum(map(len, chat.values())) == len(rows_of(folder, "chat"))
    assert set(load("dehydrated_all")["train"][0]) >= {"uri", "uris", "user_id"}
    assert len(load("next_action_all")["train"])


def test_all_checks_pass_and_files_have_checksums(run):
    result, folder = run()

    assert find_failed(result.get_asset_check_evaluations()) == {}
    assert len(result.get_asset_check_evaluations()) == len(GATE_CHECKS)
    checksums = read_checksum_file(UPath(folder))
    verify_listed_files(UPath(folder), checksums)
    described = {"README.md", "croissant.json", "privacy.html"}
    assert described < set(checksums)
    assert all(name.startswith("data/") for name in set(checksums) - described)


@pytest.mark.parametrize(
    ("measure", "check"),
    [
        ({"unaccounted": 1}, "every_line_is_accounted_for"),
        ({"account_ids": 1}, "no_account_id_is_released"),
        ({"deleted": 1}, "nothing_deleted_is_released"),
        ({"refusing": 1}, "everyone_allows_the_release"),
        ({"personal_data": 1}, "no_personal_data_is_left"),
        ({"leaks": ("3 users are in more than one split",)}, "splits_share_nothing"),
    ],
)
def test_a_failed_check_leaves_nothing_in_place(run, monkeypatch, measure, check):
    first, folder = run()
    assert first.success
    assert folder.exists()
    monkeypatch.setattr(
        module, "measure_release", lambda *given, **how: measure_release(*given, **how)._replace(**measure)
    )

    result, folder = run()

    assert not result.success
    assert find_failed(result.get_asset_check_evaluations()) == {check: dg.AssetCheckSeverity.ERROR}
    assert not folder.exists()
    assert [entry.name for entry in folder.parent.iterdir()] == []


def test_an_error_before_the_gate_leaves_the_earlier_data_set(run):
    _, folder = run()
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    result, _ = run(dataset_pseudonyms="release")

    assert not result.success
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_the_same_window_gives_the_same_bytes(run):
    first, second = (
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for _, folder in (run(), run())
    )

    assert first == second


@pytest.mark.parametrize(
    "config",
    [
        {"dataset_forms": "chat"},
        {"dataset_acts": "text"},
        {"dataset_tokenizer": "other"},
        {"dataset_max_tokens": 64},
        {"dataset_personal_data": "keep"},
        {"dataset_license": "cc-by-4.0"},
        {"dataset_split": "time", "dataset_gap_hours": 0},
        {"dataset_split": "time", "dataset_gap_hours": 0, "dataset_hold_out_users": False},
        {"language": "de"},
        {"seed": 7},
    ],
    ids=str,
)
def test_each_option_changes_what_is_written(run, config):
    _, folder = run()
    before = {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    result, folder = run(**config)

    assert result.success
    assert {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()} != before


@pytest.fixture
def key_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "key"
    file.write_bytes(bytes(range(32)))
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("scope", ["line", "persona", "release"])
def test_a_key_makes_pseudonyms_of_any_scope(run, monkeypatch, key_file, scope):
    monkeypatch.setenv("PERSONA_DATASET_KEY", str(key_file))

    result, folder = run(dataset_pseudonyms=scope)

    assert result.success
    assert all(len(row["user"]) == len("user_") + 32 for row in rows_of(folder, "chat"))
    assert bytes(range(32)).hex() not in str(rows_of(folder, "chat"))


def test_the_key_must_exist_be_private_and_lie_outside_the_data(monkeypatch, tmp_path, key_file):
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path))
    with pytest.raises(SettingsError, match="needs PERSONA_DATASET_KEY"):
        build_release_options(DatasetConfig(dataset_pseudonyms="release"))
    monkeypatch.setenv("PERSONA_DATASET_KEY", str(tmp_path / "sub" / "key"))
    with pytest.raises(SettingsError, match="keep the key where the data is not"):
        build_release_options(DatasetConfig())
    monkeypatch.setenv("PERSONA_DATASET_KEY", str(key_file))
    key_file.chmod(0o644)
    with pytest.raises(PseudonymKeyError, match="chmod 600"):
        build_release_options(DatasetConfig())


def test_forms_without_ignored_messages_are_errors(run):
    result, folder = run(dataset_forms="chat,preference")
    assert not result.success
    assert not folder.exists()


def test_no_text_or_id_is_in_metadata(run):
    result, _ = run()
    (event,) = result.asset_materializations_for_node("dataset")

    shown = str([value.value for value in event.metadata.values()]) + str(event.metadata)
    assert "did:" not in shown
    assert words(3, 1) not in shown
    assert event.metadata["dagster/partition_row_count"].value > 0
    verdicts = {row.data["privacy"]: row.data["verdict"] for row in event.metadata["privacy"].records}
    assert verdicts["Deleted records"] == "passed: 0"
    assert verdicts["Accounts that refuse"] == "not measured: no list was given"
    assert verdicts["k-anonymity of users"].startswith("measured: k = ")
    assert verdicts["Linked by style"] == "not measured: too few authors"
    assert os.sep + "key" not in shown


def write_twice(rows_and_clusters):
    """Add a post of each user who wrote one."""
    rows, clusters = rows_and_clusters
    again = [
        message(row["user_id"], f"{row['uri'][-1]}2", row["event_time_us"] + HOUR // 2, f"{row['text'][::-1]} cat")
        for row in rows
        if row["text"]
    ]
    return sorted([*rows, *again], key=lambda row: row["event_time_us"]), clusters


def test_linkage_by_vectors_is_on_the_page_the_card_and_in_the_metadata(run, tmp_path_factory, monkeypatch):
    given = write_twice(big_window())
    monkeypatch.setattr(f"{__name__}.big_window", lambda: given)
    model = make_model(tmp_path_factory.mktemp("model") / "tiny")

    result, folder = run(model=str(model), device="cpu", compute_dtype="float32", max_tokens=32)

    assert result.success
    (event,) = result.asset_materializations_for_node("dataset")
    verdicts = {row.data["privacy"]: row.data["verdict"] for row in event.metadata["privacy"].records}
    card, page = ((folder / name).read_text(encoding="utf-8") for name in ("README.md", "privacy.html"))
    linked = {name: verdict.removeprefix("measured: ") for name, verdict in verdicts.items() if "by style" in name}
    assert {name.split(": ")[1] for name in linked} >= {"chat", "threads"}
    for name, value in linked.items():
        assert ", vectors 0." in value or ", vectors 1." in value
        assert f"| {name} | {value} |" in card
        assert f"<td>{value}</td>" in page
    assert "a model (local folder)" in page
    assert str(model) not in str([value.value for value in event.metadata.values()]) + card + page


def test_a_model_that_is_not_there_is_an_error_that_names_the_setting(run, monkeypatch):
    given = write_twice(big_window())
    monkeypatch.setattr(f"{__name__}.big_window", lambda: given)

    result, folder = run()

    assert not result.success
    assert not folder.exists()
