"""The whole graph over a sample capture: everything read is kept or counted as dropped."""

import datetime as dt
import json
import logging
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from sklearn.metrics import adjusted_rand_score

from persona_assets import tables
from persona_assets.definitions import build_definitions
from persona_assets.sample.manifest import SampleManifest
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings
from persona_assets_tests.whole_graph import ALL_DAYS_ASSETS

pytestmark = [pytest.mark.model, pytest.mark.slow]

FIRST, LAST = "2025-03-01", "2025-03-02"
TABLES = (
    "raw_events", "rejected_lines", "consent_records", "user_actions", "english_posts", "english_users", "embeddings",
    "clusters", "persona_phrases", "user_assignments",
)  # fmt: skip
MESSAGES = set(tables.MESSAGES)


class World(NamedTuple):
    """A capture, and the results of the graph for it."""

    capture: Path
    manifest: SampleManifest
    data: Path
    metadata: dict[tuple[str, str], dict[str, object]]  # by asset and day
    said: str  # all log messages and metadata

    def table(self, asset: str, day: str | None = None) -> pa.Table:
        folder = self.data / asset
        return pads.dataset([str(file) for file in sorted(folder.glob(f"{day or '*'}.parquet"))]).to_table()

    def dropped(self, asset: str, day: str) -> Counter[str]:
        records = self.metadata[asset, day]["dropped"].records
        return Counter({record.data["reason"]: record.data["count"] for record in records})

    def folder(self, asset: str) -> Path:
        return self.data / asset / LAST


def run_graph(capture: Path, data: Path) -> tuple[dict[tuple[str, str], dict[str, object]], str]:
    """Materialize every asset for both days; return metadata, and all log messages."""
    metadata, said = {}, []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("PERSONA_CAPTURE", str(capture))
        patch.setenv("PERSONA_DATA", str(data))
        patch.setenv("PERSONA_N_CLUSTERS", "4")
        patch.setenv("PERSONA_ADD_IGNORED_MESSAGES", "true")
        logging.getLogger().addHandler(handler)
        job = build_definitions(read_settings()).resolve_implicit_global_asset_job_def()
        for day in (FIRST, LAST):
            result = job.execute_in_process(partition_key=day, instance=instance)
            for event in result.all_events:
                if event.is_step_materialization:
                    made = event.step_materialization_data.materialization
                    metadata[made.asset_key.to_user_string(), day] = made.metadata
            said += [entry.to_json() for entry in instance.all_logs(result.run_id)]
        logging.getLogger().removeHandler(handler)
    return metadata, "\n".join(said)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    root = tmp_path_factory.mktemp("world")
    manifest = write_capture(root / "capture", days=2, start_date=dt.date(2025, 3, 1), users=240, personas=4, seed=3)
    metadata, said = run_graph(root / "capture", root / "data")
    return World(root / "capture", manifest, root / "data", metadata, said)


def test_every_asset_has_every_day(world):
    assert set(world.metadata) == {
        (asset, day)
        for asset in (*TABLES, "cluster_jsonl", "cluster_stats", "dataset", "agent_profiles", *ALL_DAYS_ASSETS)
        for day in (FIRST, LAST)
    }
    for asset in TABLES:
        assert sorted(file.name for file in (world.data / asset).glob("*.*")) == [f"{FIRST}.parquet", f"{LAST}.parquet"]


@pytest.mark.parametrize("asset", TABLES)
def test_metadata_has_rows_columns_and_cost(world, asset):
    metadata = world.metadata[asset, LAST]

    assert metadata["dagster/partition_row_count"].value == world.table(asset, LAST).num_rows
    assert [column.name for column in metadata["dagster/column_schema"].value.columns] == world.table(
        asset
    ).schema.names
    if asset != "rejected_lines":  # made in one step with raw_events, whose metadata has the cost
        assert metadata["seconds"].value >= 0
        assert metadata["peak_memory_mib"].value > 0


def test_every_line_is_an_event_or_a_rejected_line(world):
    events, rejected = world.table("raw_events").num_rows, world.table("rejected_lines").num_rows

    assert events + rejected == world.manifest.lines
    assert rejected == sum(world.manifest.malformed.values())
    assert events == world.manifest.events + world.manifest.duplicates


def test_every_event_is_an_action_a_duplicate_or_no_action(world):
    for day in (FIRST, LAST):
        dropped = world.dropped("user_actions", day)
        read = world.table("raw_events", day).num_rows

        assert world.table("user_actions", day).num_rows + dropped.total() == read
    both = world.dropped("user_actions", FIRST) + world.dropped("user_actions", LAST)
    assert sum(count for reason, count in both.items() if "duplicate" in reason) == world.manifest.duplicates


def test_every_message_is_english_or_dropped_for_a_reason(world):
    for day in (FIRST, LAST):
        messages = [action for action in world.table("user_actions", day)["action"].to_pylist() if action in MESSAGES]

        assert world.table("english_posts", day).num_rows + world.dropped("english_posts", day).total() == len(messages)


def test_every_english_post_has_one_vector_or_is_left_out_for_a_reason(world):
    for day in (FIRST, LAST):
        posts, vectors = (world.table(asset, day)["uri"].to_pylist() for asset in ("english_posts", "embeddings"))
        left_out = {
            row.data["reason"]: row.data["count"] for row in world.metadata["embeddings", day]["left_out"].records
        }

        assert len(set(vectors)) == len(vectors)
        assert set(vectors) <= set(posts)
        assert len(posts) == len(vectors) + sum(left_out.values())
        assert left_out["deleted by its author"]


def test_every_user_who_posted_is_kept_or_dropped_for_a_reason(world):
    actions = world.table("user_actions").select(["user_id", "action"]).to_pylist()
    posted = {row["user_id"] for row in actions if row["action"] in MESSAGES}

    kept = world.table("english_users", LAST).num_rows
    assert kept + world.dropped("english_users", LAST).total() == len(posted)


def test_every_kept_user_is_in_one_cluster_of_at_least_ten(world):
    clusters = world.table("clusters", LAST)
    user_clusters = json.loads((world.folder("cluster_jsonl") / "user_clusters.json").read_text(encoding="utf-8"))

    assert sorted(clusters["user_id"].to_pylist()) == sorted(world.table("english_users", LAST)["user_id"].to_pylist())
    assert dict(zip(clusters["user_id"].to_pylist(), clusters["cluster_id"].to_pylist(), strict=True)) == user_clusters
    sizes = [size for _, size in sorted(Counter(user_clusters.values()).items())]
    assert min(sizes) >= 10
    assert sizes == sorted(sizes, reverse=True)


def test_the_planted_personas_keep_their_numbers(world):
    lineage = pads.dataset(world.data / "lineage.parquet").to_table().to_pylist()

    assert [row["event"] for row in lineage] == ["born"] * 4 + ["continued"] * 4
    assert [row["persona_id"] for row in lineage] == [0, 1, 2, 3] * 2
    assert min(row["overlap"] for row in lineage[4:]) > 0.8


def test_the_accounting_adds_up_to_the_actions_of_the_window(world):
    accounting = pads.dataset(world.folder("cluster_jsonl") / "accounting.parquet").to_table().to_pylist()

    counted = Counter()
    for row in accounting:
        counted[row["action"]] += row["actions"]
    assert counted - Counter({"ignore": counted["ignore"]}) == Counter(
        world.table("user_actions")["action"].to_pylist()
    )


def test_lines_parse_and_the_last_message_is_by_a_user_of_the_cluster(world):
    folder = world.folder("cluster_jsonl")
    user_clusters = json.loads((folder / "user_clusters.json").read_text(encoding="utf-8"))
    files = sorted(folder.glob("cluster_*.jsonl"))

    assert len(files) == 4
    for file in files:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert lines
        assert {user_clusters[line[-1]["user_id"]] for line in lines} == {int(file.stem.removeprefix("cluster_"))}


def test_the_planted_personas_are_found(world):
    truth = [json.loads(line) for line in Path(f"{world.capture}.truth.jsonl").read_text(encoding="utf-8").splitlines()]
    persona = {user["user_id"]: user["persona"] for user in truth}
    clusters = world.table("clusters", LAST)
    users = clusters["user_id"].to_pylist()

    planted = [persona[user] or "none" for user in users]

    assert adjusted_rand_score(planted, clusters["cluster_id"].to_pylist()) > 0.8


def test_statistics_agree_with_the_files(world):
    stats = json.loads((world.folder("cluster_stats") / "stats.json").read_text(encoding="utf-8"))
    user_clusters = json.loads((world.folder("cluster_jsonl") / "user_clusters.json").read_text(encoding="utf-8"))

    sizes = Counter(user_clusters.values())
    assert {cluster["cluster_id"]: cluster["counts"]["users"] for cluster in stats["clusters"]} == sizes


def test_logs_and_metadata_have_no_user_id_or_text(world):
    posts = world.table("english_posts")
    users = set(posts["user_id"].to_pylist())
    texts = {text for text in posts["text"].to_pylist() if len(text) > 25}

    assert len(world.said) > 10_000
    assert [user for user in users if user in world.said] == []
    assert [text for text in texts if text in world.said] == []


def test_a_second_run_gives_the_same_bytes(world, tmp_path):
    run_graph(world.capture, tmp_path)

    files = sorted(file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file())
    assert files == sorted(file.relative_to(world.data) for file in world.data.rglob("*") if file.is_file())
    assert [str(file) for file in files if (world.data / file).read_bytes() != (tmp_path / file).read_bytes()] == []
