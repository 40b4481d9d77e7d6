"""Who refuses, deletes or leaves is in no byte of what is made: the whole graph over planted accounts, then a scan.

The scan shares no code with the graph: it reads every file below PERSONA_DATA, decodes what it can, and looks for the
ids and the words of the planted accounts.
"""

import collections
import datetime as dt
import hashlib
import html
import json

import dagster as dg
import pyarrow.parquet as pq
import pytest
import zstandard

from persona_assets.definitions import build_definitions
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings
from persona_assets_tests import planted_consents as planted
from persona_assets_tests.assets.embeddings.builders import make_model
from persona_assets_tests.planted_consents import (
    CHANGED,
    DAYS,
    DEACTIVATED,
    DELETED_WORD,
    DELETER,
    EMBEDDING,
    ENTITY,
    GONE,
    INFERENCE,
    INTENT,
    KINDS,
    OF_COLLECTION,
    OTHER_ENTITY,
    PLAIN,
    REACTIVATED,
    SCOPED,
    SILENT_AGAIN,
    SYNTHETIC,
    TAKEN_DOWN,
    TRAINING,
)

pytestmark = pytest.mark.slow

# The record of what happened: these tables have all events, and needed no consent.
RECORDS = {
    "raw_events",
    "rejected_lines",
    "consent_records",
    "deleted_posts",
    "consents.parquet",
    "user_actions",
    "english_posts",
}
# Everything else that is stored, with the kinds of accounts that must not be in it.
NOWHERE = {GONE, TAKEN_DOWN, DEACTIVATED}
OF_VECTORS = NOWHERE | {EMBEDDING}
OF_WORDS = OF_VECTORS | {INFERENCE}
OF_FILES = NOWHERE | {TRAINING, SYNTHETIC, INTENT, SCOPED, OF_COLLECTION, CHANGED}
FORBIDDEN = {
    "english_users": OF_VECTORS,
    "embeddings": OF_VECTORS,
    "vector_store": OF_VECTORS,
    "clusters": OF_VECTORS,
    "cluster_centres": OF_VECTORS,
    "cluster_certainty": OF_VECTORS,
    "cluster_jsonl": OF_FILES,
    "persona_phrases": OF_WORDS,
    "persona_labels.parquet": OF_WORDS,
    "lineage.parquet": OF_WORDS,
    "cluster_stats": OF_WORDS,
}
PREPARED = ["raw_events", "rejected_lines", "consent_records", "user_actions", "english_posts"]
PERSONAS = ["english_users", "clusters", "cluster_jsonl", "persona_phrases"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The folder of the results of both days, and the metadata of each materialization by asset and day."""
    root = tmp_path_factory.mktemp("world")
    write_capture(root / "capture", days=2, start_date=dt.date(2025, 3, 1), users=60, personas=2, seed=3)
    planted.write(root / "capture")
    settings = {
        "CAPTURE": root / "capture",
        "DATA": root / "data",
        "MODEL": make_model(root / "model"),
        "DEVICE": "cpu",
        "WORKERS": 1,
        "N_CLUSTERS": 3,
        "MIN_CLUSTER_SIZE": 4,
        "ADD_IGNORED_MESSAGES": "true",
        "SIMILARITY_THRESHOLD": -1,
        "CONSENT_ENTITY": ENTITY,
        "LOCK_DIR": root,
    }
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        for name, value in settings.items():
            patch.setenv(f"PERSONA_{name}", f"{value}")
        yield root / "data", materialize_all(instance)


def materialize_all(instance):
    """Make all days up to what needs consent, then consents, then the rest, as a range on the command line does."""
    job = build_definitions(read_settings()).resolve_implicit_global_asset_job_def()
    metadata = {}
    rounds = [
        *((day, PREPARED) for day in DAYS),
        (DAYS[-1], ["consents"]),
        *((day, ["embeddings"]) for day in DAYS),
        *((day, PERSONAS) for day in DAYS),
        (DAYS[-1], ["lineage", "persona_labels"]),
        *((day, ["cluster_stats"]) for day in DAYS),
    ]
    for day, assets in rounds:
        result = job.execute_in_process(
            partition_key=day, asset_selection=[dg.AssetKey(name) for name in assets], instance=instance
        )
        for event in result.all_events:
            if event.is_step_materialization:
                made = event.step_materialization_data.materialization
                metadata[made.asset_key.to_user_string(), day] = made.metadata
    return metadata


def read_everything(file):
    """Return all that a file says, as text: Parquet decoded, zstd decompressed, HTML and JSON unescaped."""
    content = file.read_bytes()
    if file.suffix == ".parquet":
        table = pq.read_table(file, partitioning=None)
        decoded = "\n".join(str(value) for column in table.itercolumns() for value in column.to_pylist())
        return f"{decoded}\n{table.schema.metadata}"
    if file.suffix == ".zst":
        content = zstandard.ZstdDecompressor().stream_reader(content).read()
    text = content.decode("utf-8", errors="replace")
    if file.suffix in {".json", ".jsonl"}:
        lines = text.splitlines() if file.suffix == ".jsonl" else [text]
        text += "".join(json.dumps(json.loads(line), ensure_ascii=False) for line in lines if line)
    return text + html.unescape(text)


def files_of(data, name):
    place = data / name
    return [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]


def test_every_result_is_a_record_or_is_scanned(world):
    data, _ = world

    assert {path.name for path in data.iterdir()} == RECORDS | set(FORBIDDEN)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_no_byte_of_a_result_is_of_an_account_that_refuses_what_it_needs_or_of_a_deleted_post(world, name):
    data, _ = world
    words = {word for kind in FORBIDDEN[name] for word in (kind.word, *kind.ids)} | {DELETED_WORD}

    files = files_of(data, name)
    found = {(file.name, word) for file in files for word in words if word in read_everything(file)}

    assert files
    assert found == set()


def test_the_scan_finds_the_words_where_they_are(world):
    """What is kept is found by the same scan: a scan that finds nothing anywhere would prove nothing."""
    data, _ = world
    expected = {
        "user_actions": set(KINDS),
        "english_posts": set(KINDS),
        "embeddings": set(KINDS) - OF_VECTORS,
        "clusters": set(KINDS) - OF_VECTORS,
        "cluster_jsonl": set(KINDS) - OF_FILES,
    }
    for name, kinds in expected.items():
        texts = [read_everything(file) for file in files_of(data, name)]
        assert {kind for kind in KINDS if any(kind.ids[0] in text for text in texts)} == kinds, name
    lines = "".join(read_everything(file) for file in files_of(data, "cluster_jsonl"))
    assert {kind for kind in KINDS if kind.word in lines} == set(KINDS) - OF_FILES
    assert all(kind.word in lines for kind in (PLAIN, REACTIVATED, SILENT_AGAIN, OTHER_ENTITY, DELETER))


def test_the_vector_store_has_no_vector_of_a_text_that_only_refusing_accounts_wrote(world):
    data, _ = world
    stored = b"".join(file.read_bytes() for file in data.glob("vector_store/*/*.hashes"))

    def is_stored(text):
        return hashlib.sha256(text.encode()).digest()[:16] in stored

    assert all(is_stored(text) for text in PLAIN.texts(0))
    refusing = [text for kind in OF_VECTORS for number in range(2) for text in kind.texts(number)]
    deleted = [planted.SENTENCES[0].format(f"{DELETED_WORD} {number}") for number in range(2)]
    assert [text for text in refusing + deleted if is_stored(text)] == []


def rows_of(data, asset, days):
    return sum(pq.read_metadata(data / asset / f"{day}.parquet").num_rows for day in days)


def counts(metadata, name):
    return {record.data["reason"]: record.data["count"] for record in metadata[name].records}


def test_every_post_has_a_vector_or_is_counted_under_a_reason(world):
    data, metadata = world

    for day in DAYS:
        left_out = counts(metadata["embeddings", day], "left_out")
        assert rows_of(data, "embeddings", [day]) + sum(left_out.values()) == rows_of(data, "english_posts", [day])
        assert left_out["refuses embedding"] == count_posts(data, day, EMBEDDING)
        assert left_out["account deleted"] == count_posts(data, day, GONE)
    assert counts(metadata["embeddings", DAYS[0]], "left_out")["deleted by its author"] >= 2


def count_posts(data, day, kind):
    users = pq.read_table(data / "english_posts" / f"{day}.parquet", columns=["user_id"])["user_id"].to_pylist()
    return sum(user in kind.ids for user in users)


@pytest.mark.parametrize("day", DAYS)
def test_every_action_of_the_window_is_counted_once(world, day):
    data, _ = world
    window = DAYS[: DAYS.index(day) + 1]
    accounting = pq.read_table(data / "cluster_jsonl" / day / "accounting.parquet").to_pylist()

    counted = collections.Counter()
    for row in accounting:
        counted[row["outcome"]] += row["actions"] * (row["action"] != "ignore")

    assert sum(counted.values()) == rows_of(data, "user_actions", window)
    for outcome in (
        "author refuses training",
        "author refuses synthetic_content",
        "author's account deleted",
        "author's account deactivated",
        "target's author refuses training",
        "target's author's account taken down",
        "deleted by its author",
    ):
        assert counted[outcome], outcome


def test_users_of_the_window_add_up(world):
    data, metadata = world
    day = DAYS[-1]
    posted = set()
    for one in DAYS:
        actions = pq.read_table(data / "user_actions" / f"{one}.parquet", columns=["user_id", "action"]).to_pylist()
        posted |= {row["user_id"] for row in actions if row["action"] in {"post", "reply", "quote"}}
    dropped = counts(metadata["english_users", day], "dropped")

    assert rows_of(data, "english_users", [day]) + sum(dropped.values()) == len(posted)
    assert dropped["refuses embedding"] == len(EMBEDDING.ids)
    in_clusters = rows_of(data, "clusters", [day])
    files = json.loads((data / "cluster_jsonl" / day / "user_clusters.json").read_text(encoding="utf-8"))
    left_out = counts(metadata["cluster_jsonl", day], "left_out")
    assert len(files) + sum(left_out.values()) == in_clusters
    assert sum(left_out.values()) == 2 * len(OF_FILES - NOWHERE)


def test_a_refusal_of_today_reaches_the_outputs_of_an_earlier_day(world):
    """`TRAINING` refuses on the second day: the file of the first day, made afterwards, has nothing of it."""
    data, _ = world
    lines = "".join(read_everything(file) for file in (data / "cluster_jsonl" / DAYS[0]).glob("*"))

    assert TRAINING.word not in lines
    assert PLAIN.word in lines
