import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from filelock import FileLock

from persona_assets.command_line import forget_accounts
from persona_assets.command_line.forget_accounts import describe_proof, find_storage_places, main
from persona_assets.forgetting.proof import FileChange, Proof
from persona_assets.settings import Settings
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB
from persona_assets_tests.forgetting.builders import digest_all, store_users


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(forget_accounts.tempfile, "tempdir", str(tmp_path))
    before = os.umask(0o022)
    yield tmp_path / "data"
    os.umask(before)


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def test_accounts_of_the_command_line_and_of_a_list_are_removed(data, tmp_path):
    path = store_users(data, ALICE, BOB, "did:web:example.com")
    (tmp_path / "list").write_text(f"# asked on 1 April\n{BOB}\n")

    done = run(ALICE, "--list", str(tmp_path / "list"))

    assert done.exit_code == 0, done.output
    assert pq.read_table(path)["user_id"].to_pylist() == ["did:web:example.com"]
    assert "Removed 2 accounts: 2 rows" in done.output
    assert "The capture still holds" in done.output
    assert "Proof: " in done.output
    assert ALICE not in done.output
    assert path.stat().st_mode & 0o777 == 0o600


def test_as_a_program_it_logs_counts_and_no_ids(data):
    store_users(data)

    command = [sys.executable, "-m", "persona_assets.command_line.forget_accounts", ALICE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "searching 1 files" in done.stderr
    assert "1 files name an account" in done.stderr
    assert ALICE not in done.stderr + done.stdout


def test_a_dry_run_changes_nothing(data):
    store_users(data)
    before = digest_all(data, leave_out=())

    done = run(ALICE, "--dry-run")

    assert "Would remove 1 accounts: 1 rows" in done.output
    assert digest_all(data, leave_out=()) == before


def test_an_account_that_is_nowhere_is_no_error(data):
    store_users(data, BOB)

    done = run(ALICE)

    assert done.exit_code == 0
    assert "0 rows" in done.output
    assert (data / "forgotten" / "tombstones.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no account id is given"),
        (("alice.bsky.social",), "id 1 is no account id"),
        ((ALICE, "did:plc"), "id 2 is no account id"),
    ],
)
def test_invalid_ids_are_named_by_their_number(data, arguments, message):
    done = run(*arguments)

    assert done.exit_code == 1
    assert message in done.output
    assert not data.exists()


@pytest.mark.parametrize(("content", "message"), [(b"@alice\n", "in the list"), (b"\xff\n", "no text in UTF-8")])
def test_an_invalid_list_is_an_error(data, tmp_path, content, message):
    del data
    (tmp_path / "list").write_bytes(content)

    done = run("--list", str(tmp_path / "list"))

    assert done.exit_code == 1
    assert message in done.output


def test_files_of_other_programs_give_status_1(data):
    data.mkdir()
    (data / "notes.txt").write_text(ALICE)

    done = run(ALICE)

    assert done.exit_code == 1
    assert "1 files that persona_assets did not write name an account" in done.output


def test_runs_that_are_at_work_are_warned_of(data, tmp_path, caplog):
    store_users(data)
    (tmp_path / "persona_assets-x").mkdir()

    with FileLock(tmp_path / "persona_assets-x" / ".in-use"):
        run(ALICE)

    assert "1 runs are at work" in caplog.text


@pytest.mark.parametrize(
    ("given", "store"),
    [
        ({"data": "/d"}, "/d/vector_store"),
        ({"data": "/d", "vector_store": "/v"}, "/v"),
        ({"data": "/d", "vector_store": "off"}, None),
        ({"data": "memory://d"}, None),
        ({"data": "memory://d", "vector_store": "/v"}, "/v"),
    ],
)
def test_vectors_are_where_the_settings_say(given, store):
    found = find_storage_places(Settings(**given))

    assert (None if found.vector_store is None else str(found.vector_store)) == store


def test_what_to_make_again_is_a_command():
    proof = Proof("t", 1, 1, to_make_again={"cluster_stats": ["2025-03-01", "2025-03-02"]})
    proof.changes = [FileChange("cluster_stats/2025-03-01/a", "deleted")]

    lines = describe_proof(proof)

    assert lines[1] == (
        "Make cluster_stats again for 2 days, 2025-03-01 to 2025-03-02: dg launch --assets cluster_stats --partition "
        "2025-03-01"
    )
