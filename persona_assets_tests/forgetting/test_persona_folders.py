import json

import pytest
import zstandard
from upath import UPath

from persona_assets.errors import ForgettingError, StorageError
from persona_assets.forgetting import persona_folders
from persona_assets.forgetting.persona_folders import (
    delete_folder,
    forget_in_persona_folder,
    is_persona_folder,
    preview_persona_folder_changes,
)
from persona_assets.forgetting.stored_files import list_stored
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.io_managers.folder_checksums import (
    CHECKSUMS,
    read_checksum_file,
    verify_listed_files,
    write_checksum_file,
)
from persona_assets.io_managers.persona_files import encode_user_clusters
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB
from persona_assets_tests.forgetting.builders import DAY, make_proof, make_users, store

ACCOUNTS = Accounts([ALICE])
NAME = f"cluster_jsonl/{DAY}"
LINES = [f'[{{"user_id":"{user}","text":"{number}"}}]' for number, user in enumerate([BOB, ALICE, BOB, BOB, ALICE])]


def text_of(lines):
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.fixture
def folder(tmp_path):
    """A folder of `cluster_jsonl` with two clusters, of which one names the account."""
    folder = tmp_path / NAME
    folder.mkdir(parents=True)
    (folder / "cluster_0.jsonl").write_bytes(text_of(LINES))
    (folder / "cluster_1.jsonl.zst").write_bytes(zstandard.compress(text_of(LINES)))
    (folder / "cluster_2.jsonl").write_bytes(text_of([LINES[0]]))
    (folder / "user_clusters.json").write_bytes(encode_user_clusters({BOB: 0, ALICE: 1}))
    store(folder, "ignored", make_users(ALICE, BOB))
    write_checksum_file(folder, {})
    return folder


def list_folder(data):
    return list_stored(UPath(data)).folders[NAME]


def forget(folder):
    data = folder.parents[1]
    files = list_folder(data)
    named = {file.name for file in files if file.path.name not in {"cluster_2.jsonl", CHECKSUMS}}
    proof = make_proof(data)
    forget_in_persona_folder(UPath(folder), files, named, ACCOUNTS, proof)
    return {change.file.rpartition("/")[2]: change for change in proof.content.changes}


def test_lines_and_users_that_name_the_account_are_removed_and_checksums_are_right(folder):
    changes = forget(folder)

    kept = text_of([LINES[0], LINES[2], LINES[3]])
    assert (folder / "cluster_0.jsonl").read_bytes() == kept
    assert zstandard.decompress((folder / "cluster_1.jsonl.zst").read_bytes()) == kept
    assert json.loads((folder / "user_clusters.json").read_bytes()) == {BOB: 0}
    verify_listed_files(UPath(folder), read_checksum_file(UPath(folder)))
    assert {name: (change.what, change.rows_before, change.rows_after) for name, change in changes.items()} == {
        "cluster_0.jsonl": ("lines removed", 5, 3),
        "cluster_1.jsonl.zst": ("lines removed", 5, 3),
        "ignored.parquet": ("rows removed", 2, 1),
        "user_clusters.json": ("users removed", 2, 1),
    }


def test_the_index_of_lines_is_deleted_as_lines_have_other_places_then(folder):
    store(folder, "lines", make_users(BOB))
    store(folder, "line_messages", make_users(BOB))
    write_checksum_file(folder, {})
    counted = {
        change.file: change.what for change in preview_persona_folder_changes(list_folder(folder.parents[1]), ACCOUNTS)
    }

    changes = forget(folder)

    index = {"lines.parquet", "line_messages.parquet"}
    assert {name for name, change in changes.items() if change.what == "deleted"} == index
    assert {name.rpartition("/")[2] for name, what in counted.items() if what == "deleted"} == index
    assert index.isdisjoint(path.name for path in folder.iterdir())
    verify_listed_files(UPath(folder), read_checksum_file(UPath(folder)))


def test_other_files_are_the_same_files(folder):
    before = (folder / "cluster_2.jsonl").stat()

    forget(folder)

    after = (folder / "cluster_2.jsonl").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_where_files_cannot_be_linked_they_are_copied(folder, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(persona_folders.os, "link", refuse)

    forget(folder)

    assert (folder / "cluster_2.jsonl").read_bytes() == text_of([LINES[0]])


def test_lines_longer_than_a_block_are_whole(folder, monkeypatch):
    monkeypatch.setattr(persona_folders, "_BLOCK_BYTES", 7)

    assert forget(folder)["cluster_0.jsonl"].rows_after == 3
    assert (folder / "cluster_0.jsonl").read_bytes() == text_of([LINES[0], LINES[2], LINES[3]])


def test_damage_is_not_hidden(folder):
    (folder / "cluster_0.jsonl").write_bytes(text_of(LINES).replace(b"1", b"7"))

    with pytest.raises(StorageError, match="damaged"):
        forget(folder)


def test_a_folder_that_changes_in_the_meantime_is_left_as_it_is(folder):
    files = list_folder(folder.parents[1])
    (folder / "cluster_2.jsonl").write_bytes(b"other\n")
    write_checksum_file(folder, {})

    with pytest.raises(ForgettingError, match="changed by something else"):
        forget_in_persona_folder(
            UPath(folder), files, {f"{NAME}/cluster_0.jsonl"}, ACCOUNTS, make_proof(folder.parents[1])
        )
    assert (folder / "cluster_2.jsonl").read_bytes() == b"other\n"


def test_changes_are_counted_without_being_made(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    changes = preview_persona_folder_changes(list_folder(folder.parents[1]), ACCOUNTS)

    assert sorted(change.rows_before - change.rows_after for change in changes) == [1, 1, 2, 2]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_is_deleted_whole(folder):
    proof = make_proof(folder.parents[1])

    delete_folder(UPath(folder), list_folder(folder.parents[1]), proof)

    assert list(folder.parent.iterdir()) == []
    assert {change.what for change in proof.content.changes} == {"deleted"}


def test_a_folder_without_its_last_file_is_no_complete_one(folder):
    assert is_persona_folder(list_folder(folder.parents[1]))
    (folder / "user_clusters.json").unlink()
    assert not is_persona_folder(list_folder(folder.parents[1]))
