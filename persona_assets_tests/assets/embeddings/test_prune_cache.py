"""Old vectors are deleted from the cache; files that the cache did not write are not, in whatever folder."""

import os

import numpy as np
import pytest

from persona_assets.assets.embeddings.prune_cache import prune_cache
from persona_assets.assets.embeddings.vector_cache import VectorCache, hash_texts

HEX = "0123456789abcdef"


def open_store(root):
    return VectorCache(root, key={"model": "m"}, dimensions=1, dtype="float32")


def add(store, text):
    store.add(hash_texts([text]), np.ones((1, 1), np.float32))


def find(store, text):
    return sum(len(found.rows) for found in store.find(hash_texts([text])))


def make_old(place):
    for file in place.rglob("*"):
        os.utime(file, (1, 1), follow_symlinks=False)


def files_below(place):
    return {file.relative_to(place).as_posix() for file in place.rglob("*")}


def test_old_chunks_and_temporary_files_are_deleted_and_new_ones_are_not(tmp_path):
    store = open_store(tmp_path)
    add(store, "old")
    (folder,) = tmp_path.iterdir()
    for name, size in ((f".{HEX}.vectors.{HEX * 2}", 5), (f".key.json.{HEX * 2}", 3), (f"{HEX}.vectors", 7)):
        (folder / name).write_bytes(bytes(size))
    make_old(tmp_path)
    add(store, "new")

    assert prune_cache(tmp_path, last_used_before=2) == 3 * 16 + 4 + 5 + 3 + 7

    assert sorted(file.suffix for file in folder.iterdir()) == [".hashes", ".json", ".vectors"]
    assert (find(store, "old"), find(store, "new")) == (0, 1)


def test_a_missing_folder_is_no_error(tmp_path):
    assert prune_cache(tmp_path / "none", last_used_before=2) == 0


def test_vectors_that_were_found_since_are_not_deleted(tmp_path):
    store = open_store(tmp_path)
    add(store, "used")
    add(store, "unused")
    make_old(tmp_path)

    assert find(store, "used") == 1
    prune_cache(tmp_path, last_used_before=2)

    assert (find(store, "used"), find(store, "unused")) == (1, 0)


@pytest.mark.parametrize(
    "file",
    [
        "letters/of mine.txt",
        f"letters/{HEX}.vectors",
        f"{HEX}/of mine.txt",
        f"{HEX}/{HEX}.vectors",
        f"{HEX}/{HEX}.hashes",
        f"{HEX}.hashes",
        ".ssh/id_ed25519",
    ],
)
def test_files_of_the_user_are_not_deleted_in_any_folder_named_as_cache(file, tmp_path):
    open_store(tmp_path)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("mine", encoding="utf-8")
    make_old(tmp_path)
    before = files_below(tmp_path)

    assert prune_cache(tmp_path, last_used_before=2) == 0

    assert files_below(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["of mine.txt", "of mine.vectors", f"{HEX}0.vectors", f"{HEX}.vectors.bak", f"{HEX.upper()}.hashes", ".x"]
)
def test_files_of_the_user_are_not_deleted_in_the_folders_of_the_cache(name, tmp_path):
    open_store(tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / name).write_text("mine", encoding="utf-8")
    make_old(tmp_path)

    assert prune_cache(tmp_path, last_used_before=2) == 0

    assert files_below(folder) == {"key.json", name}


def test_a_folder_with_the_key_of_another_one_is_left_alone(tmp_path):
    store = open_store(tmp_path)
    add(store, "old")
    (folder,) = tmp_path.iterdir()
    folder.rename(tmp_path / HEX)
    make_old(tmp_path)

    assert prune_cache(tmp_path, last_used_before=2) == 0


def test_links_are_neither_followed_nor_deleted(tmp_path):
    store = open_store(tmp_path / "elsewhere")
    add(store, "old")
    (folder,) = (tmp_path / "elsewhere").iterdir()
    make_old(tmp_path / "elsewhere")
    open_store(tmp_path / "store")
    (own,) = (tmp_path / "store").iterdir()
    own.rename(tmp_path / "unused")
    own.symlink_to(folder)
    before = files_below(tmp_path)

    assert prune_cache(tmp_path / "store", last_used_before=2) == 0

    own.unlink()
    (tmp_path / "unused").rename(own)
    (own / f"{HEX}.vectors").symlink_to(next(folder.glob("*.vectors")))
    (own / f"{HEX}.hashes").mkdir()
    make_old(tmp_path / "store")

    assert prune_cache(tmp_path / "store", last_used_before=2) == 0
    assert (own / f"{HEX}.vectors").is_symlink()
    assert {name for name in before if name.startswith("elsewhere")} == {
        name for name in files_below(tmp_path) if name.startswith("elsewhere")
    }


@pytest.mark.parametrize("key", ["a link", "a pipe", "a folder"])
def test_a_folder_whose_key_is_no_regular_file_is_left_alone_and_does_not_block(key, tmp_path):
    add(open_store(tmp_path), "old")
    (folder,) = tmp_path.iterdir()
    (folder / "key.json").rename(tmp_path / "key")
    if key == "a link":
        (folder / "key.json").symlink_to(tmp_path / "key")
    elif key == "a pipe":
        os.mkfifo(folder / "key.json")
    else:
        (folder / "key.json").mkdir()
    make_old(tmp_path)

    assert prune_cache(tmp_path, last_used_before=2) == 0
