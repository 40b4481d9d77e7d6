import json

import pytest
import zstandard
from upath import UPath

from persona_assets.errors import ForgettingError, StorageError
from persona_assets.forgetting.persona_folders import (
    delete_folder,
    forget_in_persona_folder,
    is_persona_folder,
    preview_persona_folder_changes,
)
from persona_assets.forgetting.stored_files import classify_stored_files
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.io_managers.folder_checksums import (
    CHECKSUMS,
    read_checksum_file,
    verify_listed_files,
    write_checksum_file,
)
from persona_assets.io_managers.persona_files import encode_user_clusters
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB
from persona_assets_tests.forgetting.builders import DAY, make_proof, make_users, read_index, store, store_index

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
    return classify_stored_files(UPath(data)).folders[NAME]


def forget(folder, *others):
    """Forget the account in the folder, of which the files that name it are found by their name."""
    data = folder.parents[1]
    files = list_folder(data)
    named = {file.name for file in files if file.path.name not in {"cluster_2.jsonl", CHECKSUMS, *others}}
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


def test_the_index_becomes_that_of_the_lines_that_remain(folder):
    users = [BOB, ALICE, BOB, BOB, ALICE]
    store_index(
        folder, [*((0, user, [user]) for user in users), *((1, user, [user]) for user in users), (2, BOB, [BOB])]
    )
    write_checksum_file(folder, {})
    counted = preview_persona_folder_changes(list_folder(folder.parents[1]), ACCOUNTS)

    changes = forget(folder)

    assert read_index(folder) == [
        *((0, n, BOB, [BOB]) for n in range(3)),
        *((1, n, BOB, [BOB]) for n in range(3)),
        (2, 0, BOB, [BOB]),
    ]
    shown = {name: (change.rows_before, change.rows_after, change.own) for name, change in changes.items()}
    assert (shown["lines.parquet"], shown["line_messages.parquet"]) == ((11, 7, 4), (11, 7, 4))
    assert {change.file.rpartition("/")[2] for change in counted} == set(changes)
    verify_listed_files(UPath(folder), read_checksum_file(UPath(folder)))


def test_a_line_whose_record_has_the_id_in_its_key_is_removed_though_its_json_does_not_show_that(folder):
    (folder / "cluster_0.jsonl").write_bytes(text_of([LINES[0], LINES[2], LINES[3]]))
    (folder / "cluster_1.jsonl.zst").write_bytes(zstandard.compress(b""))
    store_index(
        folder, [(0, BOB, [BOB]), (0, BOB, [f"{BOB}/app.bsky.feed.post/{ALICE}"]), (0, BOB, [BOB]), (2, BOB, [BOB])]
    )
    write_checksum_file(folder, {})

    forget(folder, "cluster_0.jsonl", "lines.parquet")

    assert (folder / "cluster_0.jsonl").read_bytes() == text_of([LINES[0], LINES[3]])
    assert read_index(folder) == [(0, 0, BOB, [BOB]), (0, 1, BOB, [BOB]), (2, 0, BOB, [BOB])]


def test_an_index_of_other_lines_is_an_error_that_says_what_to_do(folder):
    store_index(folder, [(0, BOB, [BOB])])
    write_checksum_file(folder, {})

    with pytest.raises(ForgettingError, match="not the index of the lines beside it: delete this folder"):
        forget(folder)


def test_other_files_are_the_same_files(folder):
    before = (folder / "cluster_2.jsonl").stat()

    forget(folder)

    after = (folder / "cluster_2.jsonl").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


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
