"""An account is removed from the results of the whole graph, also by runs that are killed, and on S3."""

import datetime as dt
import json
import random
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from upath import UPath

from persona_assets.assets.embeddings.vector_cache import KEY_FILE, VectorCache
from persona_assets.common.vector_chunks import hash_texts
from persona_assets.errors import ForgettingError
from persona_assets.forgetting import forget as forget_module
from persona_assets.forgetting.forget import StoragePlaces, count_changes, forget_accounts
from persona_assets.forgetting.proof import FileChange
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB
from persona_assets_tests.dying import Moment, _context, _Count, _Death, materialize
from persona_assets_tests.forgetting.builders import DAY, STARTED, digest_all, make_posts, store, store_users
from persona_assets_tests.forgetting.byte_scan import find_bytes
from persona_assets_tests.test_remote_storage import place, s3  # noqa: F401 - fixtures
from persona_assets_tests.whole_graph import DAY_ASSETS

NOWHERE = "did:plc:" + "7" * 24
KILLS, SEED = 12, 1  # number of the moments at which a run is killed, and which of all


def forget(data, *accounts, dry_run=False, window_days=7):
    """Forget accounts in a data folder, and return the proof."""
    lines = []
    places = StoragePlaces(UPath(data), Path(data) / "vector_store", [], window_days)
    proof, _ = forget_accounts(accounts, places, started=STARTED, log=lines.append, dry_run=dry_run)
    assert not any(account in line for account in accounts for line in lines)
    return proof


def choose_account(data):
    """Return the account in a cluster that most actions of others are about."""
    clusters = set(pq.read_table(data / "clusters" / f"{DAY}.parquet")["user_id"].to_pylist())
    actions = pq.read_table(data / "user_actions" / f"{DAY}.parquet").to_pylist()
    named = Counter(row["target_user_id"] for row in actions if row["target_user_id"] in clusters)
    return named.most_common(1)[0][0]


@pytest.mark.model
@pytest.mark.faults
def test_no_byte_of_the_account_remains_and_other_files_keep_theirs(data):
    account = choose_account(data)
    before, texts = digest_all(data), read_texts(data, account)
    assert len(find_bytes(data, account)) > 15
    assert count_vectors(data, texts) == len(texts) > 0

    proof = forget(data, account)

    assert find_bytes(data, account) == []
    assert count_vectors(data, texts) == 0
    after, changed = digest_all(data), {change.file: change for change in proof.changes}
    others = {name for name in before if not name.startswith("vector_store/")} - set(changed)
    others -= {f"cluster_jsonl/{DAY}/checksums.xxh128"}
    assert {name: after.get(name) for name in others} == {name: before[name] for name in others}
    again = ("cluster_stats", "dataset", "agent_profiles")
    assert proof.to_make_again == {asset: [DAY] for asset in again}
    for name, change in changed.items():
        assert change.digest_before == before[name]
        assert change.digest_after == after.get(name, "")
    assert proof.is_complete
    assert proof.files_unchanged == proof.files_searched - len(changed)


@pytest.mark.model
@pytest.mark.faults
def test_totals_of_the_proof_are_those_of_the_files_and_it_names_nobody(data):
    account = choose_account(data)
    before = count_rows(data)

    forget(data, account)

    after = count_rows(data)
    (written,) = (data / "forgotten" / "proofs").iterdir()
    assert account not in written.read_text(encoding="utf-8")
    tables = {
        change["file"]: change for change in json.loads(written.read_bytes())["changes"] if change["file"] in after
    }
    assert len(tables) > 8
    for name, change in tables.items():
        assert (change["rows_before"], change["rows_after"]) == (before[name], after[name])
        assert change["rows_before"] == change["rows_after"] + change["own"] + change["about"]


@pytest.mark.model
@pytest.mark.faults
def test_tables_are_those_that_are_made_again_from_the_same_capture(data):
    account = choose_account(data)
    forget(data, account)
    forgotten = {name: (data / name / f"{DAY}.parquet").read_bytes() for name in (*DAY_ASSETS, "english_users")}

    for step in ("raw_events", "user_actions", "english_posts", "embeddings", "english_users"):
        materialize(step, DAY)

    made = {name: (data / name / f"{DAY}.parquet").read_bytes() for name in forgotten}
    assert [name for name in forgotten if made[name] != forgotten[name]] == []
    for step in ("clusters", "cluster_jsonl", "persona_phrases", "lineage", "persona_labels", "cluster_stats"):
        materialize(step, DAY)
    assert find_bytes(data, account) == []


@pytest.mark.model
@pytest.mark.faults
def test_a_data_set_can_be_made_straight_afterwards_and_has_no_byte_of_the_account(data, monkeypatch):
    account = choose_account(data)
    monkeypatch.setenv("PERSONA_DATASET_FORMS", "chat,threads,dehydrated,next_action")
    folder = data / "cluster_jsonl" / DAY
    n_before = len(list_lines(folder))

    forget(data, account)

    lines = list_lines(folder)
    assert 0 < len(lines) < n_before
    assert list_index(folder) == lines
    assert not (data / "dataset" / DAY).exists()
    materialize("dataset", DAY)
    assert (data / "dataset" / DAY / "README.md").exists()
    assert find_bytes(data, account) == []


def list_lines(folder):
    """Return the cluster of each line, its user, and the authors of its messages but for the act of the user."""
    found = []
    for file in sorted(folder.glob("cluster_*.jsonl"), key=lambda path: int(path.stem.removeprefix("cluster_"))):
        for line in file.read_text(encoding="utf-8").splitlines():
            messages = json.loads(line)
            authors = [message["user_id"] for message in messages if "actions" not in message]
            found.append((int(file.stem.removeprefix("cluster_")), messages[-1]["user_id"], authors))
    return found


def list_index(folder):
    """Return the same, as the index of the lines has it; messages are named by addresses."""
    messages = pq.read_table(folder / "line_messages.parquet").to_pylist()
    authors = [row["uri"].split("/")[2] for row in messages]
    rows = pq.read_table(folder / "lines.parquet").to_pylist()
    return [(row["cluster_id"], row["user_id"], [authors[at] for at in row["messages"]]) for row in rows]


@pytest.mark.model
@pytest.mark.faults
def test_a_killed_run_is_finished_by_another_one(data, undisturbed, tmp_path):
    account = choose_account(data)
    expected = tmp_path / "expected"
    shutil.copytree(undisturbed, expected)
    forget(expected, account)
    moments = count_moments(data, account)
    assert moments > 50

    for nth in sorted(random.Random(SEED).sample(range(2, moments), KILLS)):  # noqa: S311 - moments, no secrets
        shutil.rmtree(data)
        shutil.copytree(undisturbed, data)
        assert run_watched(data, account, _Death(Moment("any", f"^{data}/", nth))) == -signal.SIGKILL

        forget(data, account)

        assert find_bytes(data, account) == [], nth
        assert digest_all(data) == digest_all(expected), nth
        assert [path for path in data.rglob("*.tmp*") if path.is_file()] == []


def count_moments(data, account):
    """Forget an account in a new process, and return at how many moments it writes, moves or deletes a file."""
    counted = _context().SimpleQueue()
    assert run_watched(data, account, _Count(Moment("any", f"^{data}/")), counted) == 0
    return counted.get()


def run_watched(data, account, watch, counted=None):
    process = _context().Process(target=forget_watched, args=(data, account, watch, counted))
    process.start()
    process.join()
    return process.exitcode


def forget_watched(data, account, watch, counted):
    sys.addaudithook(watch)
    forget(data, account)
    if counted is not None:
        counted.put(watch.seen)


def read_texts(data, account):
    """Return the texts of English posts that this account alone wrote."""
    posts = pq.read_table(data / "english_posts" / f"{DAY}.parquet").to_pylist()
    others = {row["text"] for row in posts if row["user_id"] != account}
    return sorted({row["text"] for row in posts if row["user_id"] == account} - others)


def count_vectors(data, texts):
    (key,) = (data / "vector_store").glob(f"*/{KEY_FILE}")
    kept = json.loads(key.read_bytes())
    dimensions, dtype = kept.pop("dimensions"), kept.pop("dtype")
    kept.pop("layout")
    cache = VectorCache(data / "vector_store", key=kept, dimensions=dimensions, dtype=dtype)
    return sum(len(found.rows) for found in cache.find(hash_texts(texts)))


def count_rows(data):
    return {
        path.relative_to(data).as_posix(): pq.read_metadata(path).num_rows
        for path in data.rglob("*.parquet")
        if path.relative_to(data).parts[0] != "cluster_stats"
    }


@pytest.mark.model
@pytest.mark.faults
def test_on_s3_it_gives_the_bytes_of_a_local_disk(data, place):  # noqa: F811 - the fixture
    account = choose_account(data)
    shutil.rmtree(data / "vector_store")
    place.fs.put(f"{data}/", f"{place}/", recursive=True)

    places = StoragePlaces(place, None, [], 7)
    proof, path = forget_accounts([account], places, started=STARTED, log=lambda _: None)
    forget(data, account)

    assert path is not None
    assert path.exists()
    assert proof.is_complete
    remote = data.parent / "remote"
    place.fs.get(f"{place}/", str(remote), recursive=True)
    assert digest_all(remote) == digest_all(data)
    assert find_bytes(remote, account) == []


def test_an_account_that_is_nowhere_has_a_tombstone_still(tmp_path):
    store_users(tmp_path)
    before = digest_all(tmp_path)

    proof = forget(tmp_path, NOWHERE)

    assert (proof.changes, proof.is_complete, proof.tombstones) == ([], True, 1)
    assert digest_all(tmp_path) == before


def test_a_data_folder_that_does_not_exist_gets_a_tombstone(tmp_path):
    assert forget(tmp_path / "none", NOWHERE).files_searched == 0


def test_forgetting_again_changes_nothing_more(tmp_path):
    store_users(tmp_path)
    forget(tmp_path, ALICE)
    before = digest_all(tmp_path)

    proof = forget(tmp_path, ALICE)

    assert (proof.changes, proof.tombstones) == ([], 1)
    assert digest_all(tmp_path) == before


def test_several_accounts_are_forgotten_at_once(tmp_path):
    path = store_users(tmp_path, ALICE, BOB, NOWHERE)

    forget(tmp_path, ALICE, BOB)

    assert pq.read_table(path)["user_id"].to_pylist() == [NOWHERE]


def test_a_dry_run_counts_and_changes_nothing(tmp_path):
    store_users(tmp_path)
    (tmp_path / "cluster_stats" / DAY).mkdir(parents=True)
    (tmp_path / "cluster_stats" / DAY / "report.html").write_text(ALICE)
    before = digest_all(tmp_path, leave_out=())

    proof = forget(tmp_path, ALICE, dry_run=True)

    assert digest_all(tmp_path, leave_out=()) == before
    assert count_changes(proof.changes) == {
        "files": 2, "rows": 1, "references": 0, "lines": 0, "users": 0, "deleted": 1
    }  # fmt: skip
    assert proof.to_make_again == {"cluster_stats": [DAY]}


def test_folders_of_days_that_the_account_was_part_of_are_deleted_and_others_stay(tmp_path):
    store(tmp_path, f"english_posts/{DAY}", make_posts((ALICE, "a"), (BOB, "b")))
    for day in ("2025-02-28", "2025-03-03", "2025-03-04"):
        (tmp_path / "dataset" / day / "data").mkdir(parents=True)
        (tmp_path / "dataset" / day / "data" / "train.jsonl").write_text("user_1: no id")

    proof = forget(tmp_path, ALICE, window_days=3)

    assert proof.to_make_again == {"dataset": ["2025-03-03"]}
    assert sorted(path.name for path in (tmp_path / "dataset").iterdir()) == ["2025-02-28", "2025-03-04"]


def test_the_capture_and_files_of_other_programs_are_not_changed_and_the_latter_are_named(tmp_path):
    store_users(tmp_path)
    for name in ("capture/a.jsonl", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(ALICE)

    places = StoragePlaces(UPath(tmp_path), None, [str(tmp_path / "capture")], 7)
    proof, _ = forget_accounts([ALICE], places, started=STARTED, log=lambda _: None)

    assert (proof.not_removed, proof.is_complete) == (["notes.txt"], False)
    assert (tmp_path / "capture" / "a.jsonl").read_text() == (tmp_path / "notes.txt").read_text() == ALICE


def test_what_killed_runs_left_is_deleted(tmp_path):
    store_users(tmp_path)
    left = tmp_path / "english_users" / f".{DAY}.parquet.{'0' * 32}.tmp"
    left.write_text(ALICE)
    (tmp_path / "forgotten").mkdir()
    own = tmp_path / "forgotten" / f".tombstones.json.{'0' * 32}.tmp"
    own.write_text("half")

    assert forget(tmp_path, ALICE).temporary_deleted == 2
    assert not left.exists()
    assert not own.exists()


def test_what_is_stored_in_the_meantime_is_searched_too(tmp_path, monkeypatch):
    store_users(tmp_path)
    remove = forget_module.remove_vectors
    (tmp_path / "vector_store").mkdir()

    def store_late(*given, **options):
        if not (tmp_path / "late.parquet").exists():
            store(tmp_path, "late", make_posts((ALICE, "late")))
        return remove(*given, **options)

    monkeypatch.setattr(forget_module, "remove_vectors", store_late)

    proof = forget(tmp_path, ALICE)

    assert {change.file for change in proof.changes} == {f"english_users/{DAY}.parquet", "late.parquet"}
    assert find_bytes(tmp_path, ALICE) == []


def test_what_is_stored_again_and_again_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "vector_store").mkdir()
    store_users(tmp_path)
    numbers = iter(range(9))

    def store_again(*_, **__):
        store(tmp_path, f"late_{next(numbers)}", make_posts((ALICE, "late")))
        return 0

    monkeypatch.setattr(forget_module, "remove_vectors", store_again)

    with pytest.raises(ForgettingError, match="again and again"):
        forget(tmp_path, ALICE)


def test_two_do_not_work_at_a_time(tmp_path):
    store_users(tmp_path)
    (tmp_path / "forgotten").mkdir()

    with FileLock(tmp_path / "forgotten" / ".lock"), pytest.raises(ForgettingError, match="at work"):
        forget(tmp_path, ALICE)


def test_changes_are_counted_by_what_they_are():
    changes = [
        FileChange("a", "rows removed", 5, 3, own=1, about=1, references=2),
        FileChange("b", "lines removed", 4, 1, about=3),
        FileChange("c", "users removed", 2, 1),
        FileChange("d", "deleted"),
    ]

    assert count_changes(changes) == {"files": 4, "rows": 2, "references": 2, "lines": 3, "users": 1, "deleted": 1}


def test_the_proof_has_its_times(tmp_path):
    proof = forget(tmp_path, NOWHERE)

    assert proof.started == "2025-04-01T00:00:00.000000Z"
    assert dt.datetime.fromisoformat(proof.finished).tzinfo is not None
